"""The statements of ``sql/queries``: each has one name and a comment, and Python runs them all and no others."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from mood_core.lake.schema import DATASETS
from mood_core.report.queries import VIEWS
from mood_core.store.engine import named_queries
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import in_sqlite, sql_folder

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSED = {
    "engine/bulk.py": "a temporary table with the columns of the rows",
    "engine/copying.py": "every table and its columns",
    "engine/corruption.py": "a pragma of SQLite",
    "engine/database.py": "pragmas, BEGIN and missing functions of SQLite",
    "engine/foreign.py": "SQLite's catalogue, read before the engine may open the file",
    "engine/migrate.py": "every view",
    "engine/snapshot.py": "VACUUM of SQLite",
    "loading/rebuilding.py": "every table about people and its columns",
    "locks/named_locks.py": "the lock of an empty SQLite file",
    "queries/person_erase.py": "every table about people; a pragma of SQLite",
    "queries/table_digests.py": "every table about people",
}
"""Where SQL stands in Python, by module of ``mood_core/store``, and why."""

OF_PREFECT = {"mood_core/usecases/people/run_history.py", "mood_core/usecases/people/run_history_rows.py"}
"""These change Prefect's own database, whose tables and columns they find there."""

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|WITH|ALTER|PRAGMA|BEGIN|COPY|TRUNCATE|LOCK|SET|VACUUM|ANALYZE)\s"
)
NAMES = re.compile(r"^-- name: (.*)\n(.*)$", re.MULTILINE)


def blocks() -> list[tuple[str, str]]:
    """The name of every statement, with the line below it."""
    files = sorted((sql_folder() / "queries").glob("*.sql"))
    return [block for file in files for block in NAMES.findall(file.read_text(encoding="utf-8"))]


def sources() -> str:
    """The Python code of the product."""
    files = (file for package in ("mood_core", "flows") for file in sorted((CHECKOUT / package).rglob("*.py")))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_each_statement_says_what_it_does() -> None:
    assert not [name for name, below in blocks() if not re.match(r"-- [A-Z].*", below) or not name.isidentifier()]


def test_every_statement_is_run() -> None:
    composed = [f'"load_{dataset}"' for dataset in DATASETS] + [f'"page_{name}"' for name in VIEWS]
    code = sources() + "".join(composed)
    assert not [name for name, _ in blocks() if f'"{name}"' not in code]


def test_every_statement_that_is_run_exists() -> None:
    known = {name for name, _ in blocks()}
    assert not set(re.findall(r'\bquery\(\s*"(\w+)"', sources())) - known


def test_only_what_depends_on_names_of_tables_stands_in_python() -> None:
    found = Counter(
        str(file.relative_to(CHECKOUT)).removeprefix("mood_core/store/")
        for package in ("mood_core", "flows")
        for file in (CHECKOUT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    )
    assert set(found) == {*COMPOSED, *OF_PREFECT}
    assert sum(found[module] for module in COMPOSED) < 30


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such_statement"):
        query("no_such_statement")


def test_a_name_that_occurs_twice_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queries").mkdir()
    for file in ("listens.sql", "moods.sql"):
        (tmp_path / "queries" / file).write_text("-- name: users\n-- All.\nSELECT user_id FROM users;\n")
    monkeypatch.setattr(named_queries, "sql_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"moods\.sql.*users"):
        named_queries._statements.__wrapped__()


def test_a_statement_is_spelled_for_each_database() -> None:
    statement = query("titled_tracks")
    assert "= ANY(%(ids)s)" in str(statement.compile(dialect=create_engine("postgresql+psycopg://").dialect))
    assert "IN (SELECT value FROM json_each(?))" in str(statement.compile(dialect=create_engine("sqlite://").dialect))


def test_comments_are_not_sent() -> None:
    assert "--" not in query("titled_tracks").text


def test_a_lock_of_rows_is_left_out_in_sqlite() -> None:
    assert in_sqlite("SELECT number FROM fences FOR SHARE OF a") == "SELECT number FROM fences"


def test_an_option_is_part_of_a_statement_only_where_it_is_chosen() -> None:
    assert set(query("latest_listens", "user", "first_day").compile().params) == {"user", "first_day", "limit"}

"""The statements of ``sql/queries``: each has one name and a comment, and Python runs them all and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from mood_core.lake.schema import DATASETS, Dataset
from mood_core.report.period_answers import ANSWERS
from mood_core.report.queries import VIEWS, page_sql
from mood_core.store.engine import named_queries
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import in_sqlite, sql_file, sql_folder
from mood_core.store.loading.keys import REFERENCES

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("mood_core", "flows", "standin", "docs", ".ci")
IN_PYTHON = {
    "mood_core/store/engine/bulk.py": "the columns of a temporary table are those of the rows",
    "mood_core/store/upkeep/copying.py": "a cast of some columns, which are read from the database",
    "mood_core/store/queries/feature_rows.py": "a time for each of the waits after a feature miss",
}
"""The modules with SQL, and why it is not in ``sql/``."""

NOT_RUN = {
    "mood_core/resolvers/musicbrainz.py": "the query language of MusicBrainz",
    "mood_core/store/engine/foreign.py": "a pattern that finds the names of tables in sql/schema",
    "mood_core/store/engine/view_comments.py": "a pattern that finds the comments of tables in sql/schema",
    "mood_core/tabular/csv_reader.py": "an empty cell in a CSV file",
    "mood_core/usecases/people/run_history_rows.py": "the type of a column that SQLite reports",
    "standin/control.py": "a method of HTTP",
    "standin/names.py": "a name of a listener that looks like SQL",
}
"""The modules whose strings contain words of SQL and are no statements."""

WORDS = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|WITH|ALTER|PRAGMA|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|COPY|TRUNCATE|SET"
    r"|VACUUM|ANALYZE|REINDEX|ATTACH|DETACH|GRANT|REVOKE|EXPLAIN|VALUES|FROM|JOIN|LEFT|INNER|WHERE|ORDER|GROUP|BY|HAVING"
    r"|LIMIT|UNION|AND|OR|NOT|IN|IS|AS|ON|ASC|DESC|CASE|WHEN|THEN|ELSE|END|CAST|ANY|NULL|TRUE|FALSE|TEXT|INTEGER|BIGINT)\b"
)
"""Words of SQL in capitals: a statement or a fragment of one."""

IN_ANY_CASE = re.compile(
    r"^\s*(select|insert into|update \w+ set|delete from|(create|drop|alter) (\w+ )?(table|view|index|schema|trigger)"
    r"|pragma|begin (immediate|exclusive|transaction)|savepoint|vacuum|analyze|reindex|attach|detach|truncate|grant)\b"
    r"|\b(insert into|delete from|order by|group by|is (not )?null|not null|where \w+ ?[=<>])\b|::(text|int|date)"
    r"|^\w+(\.\w+)? [=<>] ([\w.:?]+|\{\w+\})$|^(smallint|bigint|integer|real|double precision|blob|bytea)$"
    r"|^(and|or|asc|desc)$",
    re.IGNORECASE,
)
"""The beginning of a statement, a condition or a type, in small letters too."""

RUN_BY = {"execute", "executemany", "executescript", "exec_driver_sql", "scalar", "scalars", "text", "copy", "DDL"}
"""Calls whose first argument is SQL, whatever it contains; other functions called ``text`` take a name."""

RUNS_NAMED = {"query", "insert_rows", "insert_few_rows", "page_rows"}
"""Functions that run the statement of a name that they are given."""

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


def names_of_statements(code: str) -> set[str]:
    """The strings of a module that can name a statement, without docstrings and names of items that are read.

    A module that does not import what runs named statements has none.
    """
    tree = ast.parse(code)
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for each in node.names}
    if not imported & RUNS_NAMED:
        return set()
    others: set[ast.AST | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Subscript):
            others.add(node.value if isinstance(node, ast.Expr) else node.slice)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get":
            others.update(node.args)
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in others
    }


def test_every_statement_is_run() -> None:
    files = [file for package in ("mood_core", "flows") for file in (CHECKOUT / package).rglob("*.py")]
    named = set().union(*(names_of_statements(file.read_text(encoding="utf-8")) for file in files))
    prefixes = re.findall(r'statement = f"(\w+)\{file\.dataset\}"', sources())
    by_dataset = {prefix + dataset for prefix in prefixes for dataset in DATASETS}
    assert not {name for name, _ in blocks()} - named - by_dataset


def test_a_string_that_is_no_name_of_a_statement_runs_none() -> None:
    imports = "from mood_core.store.engine.named_queries import query\n"
    for other in ('"""gaps"""', 'found = row["gaps"]', 'found = row.get("gaps")'):
        assert "gaps" not in names_of_statements(imports + other), other
    assert "gaps" not in names_of_statements('found = query("gaps")')
    assert "gaps" in names_of_statements(imports + 'found = query("gaps")')


def test_what_is_only_shown_is_computed_in_python() -> None:
    assert {file.stem for file in (sql_folder() / "shown").glob("*.sql")} == set(ANSWERS)
    assert all(page_sql(name).startswith("SELECT") and not page_sql(name).endswith(";") for name in VIEWS)


def test_every_statement_that_is_run_exists() -> None:
    known = {name for name, _ in blocks()}
    assert not set(re.findall(r'\bquery\(\s*"(\w+)"', sources())) - known


def literals(code: str) -> Iterator[str]:
    """What looks like SQL in ``code``: strings with a word of SQL, fragments too, and those that a call runs.

    A formatted string counts once. Docstrings do not count.
    """
    nodes = list(ast.walk(ast.parse(code)))
    left_out = {
        id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part != node
    }
    left_out |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    calls = [node for node in nodes if isinstance(node, ast.Call) and node.args]
    run = {id(call.args[0]) for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in RUN_BY}
    for node in nodes:
        if id(node) in left_out or not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        text = ast.unparse(node).lstrip("f").strip("'\"") if isinstance(node, ast.JoinedStr) else node.value
        if isinstance(text, str) and (
            WORDS.search(text) or IN_ANY_CASE.search(text) or (id(node) in run and " " in text)
        ):
            yield text


def test_sql_in_python_has_a_reason_and_is_rare() -> None:
    found = {
        str(file.relative_to(CHECKOUT)): list(literals(file.read_text(encoding="utf-8")))
        for package in PACKAGES
        for file in sorted((CHECKOUT / package).rglob("*.py"))
    }
    found = {file: texts for file, texts in found.items() if texts}
    assert set(found) == {*IN_PYTHON, *NOT_RUN}, found
    statements = [text for file in IN_PYTHON for text in found[file]]
    assert len(statements) <= 15, statements


def test_fragments_of_sql_are_counted() -> None:
    code = '"""SELECT"""\nrun(" OR ".join(g("TRUE")), f"x IN ({y})", "mode = WAL", "create schema x")\ntext("do 1")'
    assert set(literals(code)) == {" OR ", "TRUE", "x IN ({y})", "mode = WAL", "create schema x", "do 1"}


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
    assert in_sqlite("SELECT number FROM _fences FOR SHARE OF a") == "SELECT number FROM _fences"


def test_an_option_is_part_of_a_statement_only_where_it_is_chosen() -> None:
    assert set(query("latest_listens", "user_ids", "first_day").compile().params) == {"user_ids", "first_day", "limit"}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=list(DATASETS))
def test_every_column_of_the_lake_is_loaded_and_compared(dataset: Dataset) -> None:
    """A column that a statement leaves out would be missing in SQL, and `moodlog verify` would not notice."""
    loaded, compared = query(f"load_{dataset.name}").text, sql_file("facts", dataset.name).text
    for name in set(dataset.schema.names) - {"missed_at", "feature_source"}:  # first_missed_at_ms, source_key
        key = REFERENCES[name][2] if name in REFERENCES else name
        assert re.search(rf"\b({name}|{name}_ms|{key})\b", loaded), f"load_{dataset.name} leaves out {name}"
        assert re.search(rf"\b{name}(_ms)?\b", compared), f"sql/facts/{dataset.name}.sql leaves out {name}"

"""Everything that people can ask of a database, and what an answer costs: for tests and benchmarks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect

from mood_core.report.datasette_metadata import QUERIES
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_folder
from mood_core.store.engine.view_comments import is_inner

_DOCS = Path(__file__).resolve().parents[1] / "docs"
_SQL = re.compile(r'```sql\n(.*?)```|sqlite3 \S+ "(SELECT .*?)"', re.DOTALL)
_TABLE = re.compile(r"FROM (\w+)")

COMMANDS_OF_A_PERSON = (
    *(f"history --user {{user}} --by {by}" for by in ("day", "week", "month", "hour", "weekday", "track")),
    "history --user {user}",
    *(f"recap --user {{user}} --{unit}" for unit in ("week", "month", "year")),
    "report --user {user} --out {out}",
    "answers {user}",
    "ask {user} --json",
    "export --user {user} --output {new}",
)
"""Commands that read one person's history. ``{user}`` is an id, ``{out}`` a page, ``{new}`` a new file."""

COMMANDS_ABOUT_ALL = (
    *(f"history --by {by}" for by in ("person", "day", "week", "month", "hour", "weekday", "track")),
    "history",
    *(f"recap --{unit}" for unit in ("week", "month", "year")),
    "status",
    "status --all",
    "users list",
    "answers",
)
"""Commands that read everybody's history."""

LISTED = frozenset({"listen_features", "listen_sessions", "mood_history", "unlabelled_listens"})
"""Views with a row for each listen: people ask for the newest ones of a person, or the first page."""

PAGED = LISTED | {
    "mood_daily", "mood_daily_expected", "sessions", "top_artists_by_mood", "top_tracks_by_mood", "track_artists",
    "unlabelled_tracks",
}  # fmt: skip
"""Views with a row for each day, session or track of each person: of everybody, people ask for the first page."""


def views_for_people(connection: Connection) -> list[str]:
    """The views that are not a base of others alone."""
    return [view for view in inspect(connection).get_view_names() if not is_inner(view)]


def questions_about_all(connection: Connection) -> Iterator[tuple[str, str]]:
    """Names and SQL of the questions about everybody: views (or their first page), examples and canned queries."""
    for view in views_for_people(connection):
        yield view, f"SELECT * FROM {view}" + " LIMIT 100" * (view in PAGED)  # noqa: S608 - our own views
    for file in sorted((sql_folder() / "examples").glob("*.sql")):
        yield file.stem, file.read_text(encoding="utf-8").rstrip().removesuffix(";")
    if connection.dialect.name == "sqlite":
        for name, (_, statement) in QUERIES.items():
            yield f"canned {name}", query(statement).for_sqlite.text


def questions_about_a_person(connection: Connection) -> Iterator[tuple[str, str]]:
    """Names and SQL of the questions about the person ``:user_id``: each view with people in it."""
    inspector = inspect(connection)
    for view in views_for_people(connection):
        columns = {column["name"] for column in inspector.get_columns(view)}
        if "user_id" in columns:
            newest = " ORDER BY played_at_ms DESC LIMIT 100" * (view in LISTED and "played_at_ms" in columns)
            yield view, f"SELECT * FROM {view} WHERE user_id = :user_id{newest}"  # noqa: S608


def documented_questions(dialect: str, name: str) -> Iterator[tuple[str, str]]:
    """The queries of README and docs about the person ``name`` by page and table; those for Metabase on PostgreSQL."""
    for page in (_DOCS.parent / "README.md", *sorted(_DOCS.rglob("*.md"))):
        for block in map("".join, _SQL.findall(page.read_text(encoding="utf-8"))):
            if dialect == "sqlite" and "{{person}}" in block:
                continue
            sql = re.sub(r"\[\[(.*?)\]\]", r"\1", block).replace("{{person}}", _quoted(name)).strip()
            (table, *_) = _TABLE.findall(sql)
            yield f"{page.name} {table}", sql.replace("'Ada'", _quoted(name)).removesuffix(";")


def grafana_questions(names: Iterable[str], since: str, until: str) -> Iterator[tuple[str, str]]:
    """Titles and SQL of Grafana's panels for the people ``names`` between two times, and of its variables."""
    people = ", ".join(map(_quoted, names))  # as Grafana does: PostgreSQL plans a query for names in another way
    board = json.loads((_DOCS / "grafana" / "moodlog.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            sql = target["rawSql"].replace("${person:sqlstring}", people)
            sql = re.sub(r"\$__timeFilter\((.*?)\)", rf"\1 BETWEEN '{since}' AND '{until}'", sql)
            yield panel["title"], sql
    for variable in board["templating"]["list"]:
        if variable["name"] == "person":
            yield "people", variable["query"]


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


@contextmanager
def sqlite_steps() -> Iterator[list[int]]:
    """Count the instructions, in hundreds, that SQLite's virtual machine runs on every new connection."""
    done = [0]

    def count() -> int:
        done[0] += 1
        return 0

    def watch(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(count, 100)

    event.listen(Engine, "connect", watch)
    try:
        yield done
    finally:
        event.remove(Engine, "connect", watch)

"""Creates the views with their documentation in the database itself, and describes the tables.

The documentation has one home: the comment at the top of a view's file, and ``sql/columns.toml``. On SQLite it becomes
comments inside the statement that ``.schema`` shows, on PostgreSQL ``COMMENT ON``; the view ``data_dictionary`` lists
it on both, and ``docs/data-dictionary.md`` is made from it. The comment of a table is the first one inside its
``CREATE TABLE`` in ``sql/schema``, where SQLite keeps it.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from sqlalchemy import Connection, inspect

from mood_core.errors import StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import SqlFile, sql_files, sql_folder

_HEADER = re.compile(r"(?:-- .*\n)+")
_TABLE = re.compile(r"^CREATE TABLE (\w+) \(\n( +-- .*?)\n +\w", re.MULTILINE | re.DOTALL)
_WIDTH = 118


@dataclass(frozen=True, slots=True)
class ViewMeaning:
    """The comment of a view and the meanings of its columns; those of an inner view need none."""

    comment: str
    columns: dict[str, str]


def _name(view: SqlFile) -> str:
    """The view's name: that of its file without the number."""
    return view.name.partition("_")[2]


def is_inner(name: str) -> bool:
    """Whether a table or view is moodlog's own and not for people."""
    return name.startswith("_")


def view_digest(view: SqlFile) -> str:
    """Hex digest of the view and its documentation, to detect changes."""
    return sha256(f"{view.sha256}{_comment(view)}{_column_meanings()}".encode()).hexdigest()


@cache
def _column_meanings() -> Mapping[str, str]:
    """The meaning of each column of the views."""
    return tomllib.loads((sql_folder() / "columns.toml").read_text(encoding="utf-8"))


def view_meanings(database: Database) -> dict[str, ViewMeaning]:
    """The documentation of each view for users by name, in the order of the files.

    Raises:
        StoreError: The database cannot be read, or a column of a view has no meaning in ``sql/columns.toml``.
    """
    with database.read() as connection:
        views = [view for view in sql_files("views", database.dialect) if not is_inner(_name(view))]
        return {_name(view): _meaning(connection, view) for view in views}


def _meaning(connection: Connection, view: SqlFile) -> ViewMeaning:
    name, meanings = _name(view), _column_meanings()
    columns = [column["name"] for column in inspect(connection).get_columns(name)]
    new = ", ".join(sorted(set(columns) - meanings.keys()))
    if new and not is_inner(name):
        raise StoreError(f"The view {name} has columns without a meaning: {new}. Add them to sql/columns.toml.")
    return ViewMeaning(_comment(view), {column: meanings[column] for column in columns if column in meanings})


def create_view(connection: Connection, view: SqlFile) -> None:
    """Create ``view`` with its documentation."""
    _run(connection, view.text)
    name, meaning = _name(view), _meaning(connection, view)
    if connection.dialect.name == "sqlite":
        connection.execute(query("drop_view", view=name))
        _run(connection, _with_comments(view.text, meaning))
    else:
        columns = [
            query("comment_on_column", view=name, column=column, text=_quoted(text)).text
            for column, text in meaning.columns.items()
        ]
        _run(connection, query("comment_on_view", view=name, text=_quoted(meaning.comment)).text, *columns)
    if not is_inner(name):
        texts = [(None, meaning.comment), *meaning.columns.items()]
        rows = [
            {"view": name, "place": place, "column": column, "meaning": text}
            for place, (column, text) in enumerate(texts)
        ]
        connection.execute(query("describe_view"), rows)


def table_meanings(schema: Iterable[SqlFile]) -> list[tuple[str, str]]:
    """Each table of the ``schema`` with its comment."""
    return [(table, _unwrapped(lines)) for file in schema for table, lines in _TABLE.findall(file.text)]


def describe_tables(connection: Connection, schema: Iterable[SqlFile]) -> None:
    """Give the tables of the ``schema`` their comments on PostgreSQL, also in a database that migrations made."""
    if connection.dialect.name == "postgresql":
        comments = [
            query("comment_on_table", table=table, text=_quoted(meaning)).text
            for table, meaning in table_meanings(schema)
        ]
        _run(connection, *comments)


def _comment(view: SqlFile) -> str:
    lines = _HEADER.match(view.text)
    return _unwrapped(lines.group(0)) if lines else ""


def _unwrapped(comment: str) -> str:
    return re.sub(r"\s*-- ", " ", comment).strip()


def _with_comments(sql: str, meaning: ViewMeaning) -> str:
    """``sql`` with the documentation after its first line, because SQLite does not keep what is before CREATE."""
    comment = textwrap.wrap(meaning.comment, _WIDTH)
    lines = [*comment, "", *(f"{column}: {text}" for column, text in meaning.columns.items())]
    create, _, body = _HEADER.sub("", sql, count=1).partition("\n")
    return "\n".join([create, *(f"-- {line}".rstrip() for line in lines), body])


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _run(connection: Connection, *statements: str) -> None:
    connection.exec_driver_sql(";\n".join(statements), execution_options={"no_parameters": True})

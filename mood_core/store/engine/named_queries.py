"""Reads the named statements of ``sql/queries/*.sql``: ``query("gaps")`` is the one below ``-- name: gaps``.

Statements are written for PostgreSQL; :func:`mood_core.store.engine.sql_files.in_sqlite` translates them for SQLite.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Dialect, TextClause, bindparam, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType

from mood_core.store.engine.sql_files import in_sqlite, list_parameters, sql_folder

_COMMENT = re.compile(r"\s*--.*")
_NOT_CHOSEN = re.compile(r"\s*/\*.*?\*/", re.DOTALL)


class Query(TextClause):
    """A statement for both databases. A parameter in ``= ANY(:name)`` takes a list of any length."""

    inherit_cache = True
    for_sqlite: TextClause

    def in_sqlite(self) -> str:
        """The SQL for a connection of the module sqlite3; a list is passed as JSON."""
        return self.for_sqlite.text


class _Values(UserDefinedType[Sequence[str | int]]):
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        return _as_json if dialect.name == "sqlite" else list


@cache
def query(name: str, *options: str, **parts: str) -> Query:
    """The statement called ``name``.

    Args:
        name: the name after ``-- name:`` above the statement.
        options: the comments ``/* option: SQL */`` that become a part of the statement.
        parts: SQL for each comment ``/* part */`` or identifier ``any_part``. The name of each is an option, too.

    Raises:
        KeyError: No statement has this name.
    """
    sql = _statements()[name]
    for option in (*options, *parts):
        sql = re.sub(rf"/\* {option}: (.*?) \*/", r"\1", sql, flags=re.DOTALL)
    for key, part in parts.items():
        sql = part.join(re.split(rf"/\* {key} \*/|\bany_{key}\b", sql))
    sql = _NOT_CHOSEN.sub("", sql)
    lists = [bindparam(each, type_=_Values()) for each in list_parameters(sql)]
    found = Query(sql).bindparams(*lists)
    found.for_sqlite = text(in_sqlite(sql)).bindparams(*lists)
    return found


def _as_json(values: Sequence[str | int]) -> str:
    return json.dumps(list(values))


@compiles(Query, "sqlite")
def _compile_for_sqlite(statement: Query, compiler: Any, **options: Any) -> Any:
    return compiler.process(statement.for_sqlite, **options)


@cache
def _statements() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for file in sorted((sql_folder() / "queries").glob("*.sql")):
        for block in file.read_text(encoding="utf-8").split("-- name: ")[1:]:
            name, _, body = block.partition("\n")
            if name in found:
                raise ValueError(f"{file.name}: another statement is called {name} too")
            found[name] = _COMMENT.sub("", body).strip().removesuffix(";")
    return found

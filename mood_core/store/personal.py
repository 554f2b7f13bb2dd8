"""Everything SQL knows of one person, for them to take along. Tokens stay: they open an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, text

from mood_core.store.database import Database
from mood_core.store.sql_files import sql_file

_PARTS = ("person", "listens", "gaps", "plays_by_name", "imports")
_CHUNK_ROWS = 10_000

Rows = Callable[[], Iterator[pa.Table]]
"""Reads the rows of one part from the first one, in tables of limited size; at least one table, which may be empty."""


@contextmanager
def personal_rows(database: Database, user_id: str) -> Iterator[dict[str, Rows]]:
    """The ``person``, their ``listens`` with track and mood, their ``gaps``, and what they imported: one snapshot.

    ``plays_by_name`` are the plays that an export named by artist and title alone, ``imports`` the exports themselves.
    Each part can be read inside the block, more than once, and is never in memory as a whole.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.read() as connection:
        yield {name: partial(_read, connection, name, user_id) for name in _PARTS}


def _read(connection: Connection, name: str, user_id: str) -> Iterator[pa.Table]:
    statement = text(sql_file("export", name).text).execution_options(stream_results=True)
    with connection.execute(statement, {"id": user_id}) as result:
        names = list(result.keys())
        yield _table(names, [])
        for rows in result.partitions(_CHUNK_ROWS):
            yield _table(names, rows)


def _table(names: list[str], rows: Sequence[Row[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table(dict(zip(names, map(pa.array, columns), strict=True)))

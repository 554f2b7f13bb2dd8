"""Everything in SQL about one person, for an export. Tokens are left out, because they open the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, text

from mood_core.store.engine.database import Database
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.loading.counted import COUNTED

PART_OF: Mapping[str, str] = MappingProxyType(
    {
        "users": "person",
        "_accounts": "person",
        "listens": "listens",
        "gaps": "gaps",
        "named_plays": "plays_by_name",
        "_imported_files": "imports",
        "mood_answers": "answers",
        "mood_heads": "learned",
    }
)
"""By table about people: the part of an export that contains its rows."""

_COUNTED = "is counted from the listens, which are exported"
_WORKING = "names the process that works on the account, and contains nothing about the person"
NOT_EXPORTED: Mapping[str, str] = MappingProxyType(
    {
        "_mood_days": _COUNTED,
        "_listen_totals": _COUNTED,
        "_covered_listens": _COUNTED,
        **dict.fromkeys(COUNTED, _COUNTED),
        "_imports": "holds the times of batches, and the counts of the imported files again",
        "person_labels": "follows from the answers, and is in the listens",
        "_waiting_listens": "is an index of listens without a mood, which are exported",
        "_people_to_forget": "says that a run has begun to forget the person",
        "users.name_key": "is the name as it is searched for",
        "_accounts.token": "opens the account",
        "_accounts.token_version": "counts changes of the token",
        "_accounts.refresh_owner": _WORKING,
        "_accounts.refresh_until_ms": _WORKING,
        "_accounts.leased_by": _WORKING,
        "_accounts.leased_until_ms": _WORKING,
        "_accounts.lease_number": _WORKING,
        "_accounts.recent_plays": _COUNTED,
        "_accounts.half_window_ms": _COUNTED,
        "_accounts.due_at_ms": "follows from the last pull and the listens",
    }
)
"""Tables and columns about people that are not in an export, with the reasons."""

_PARTS = tuple(dict.fromkeys(PART_OF.values()))
_CHUNK_ROWS = 10_000

Rows = Callable[[], Iterator[pa.Table]]
"""Reads the rows of one part from the first one, in tables of limited size; at least one table, which may be empty."""


@contextmanager
def personal_rows(database: Database, user_id: str) -> Iterator[dict[str, Rows]]:
    """A snapshot of all parts about a person.

    ``listens`` have track and mood, ``answers`` are those about moods, ``learned`` what was learned from them;
    ``plays_by_name`` are the plays that an imported file names by artist and title, ``imports`` the imported files.
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

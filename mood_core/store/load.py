"""Loads a batch into its SQL table: rows and ledger entry in one transaction, so that a replay changes nothing.

The text ids of a batch are turned into the store's integer keys in Arrow, once for each distinct id; then all rows go
in by the one statement of ``sql/load/<dataset>.sql``.
"""

from __future__ import annotations

import re
from datetime import datetime

import pyarrow as pa

from mood_core.store.bulk import insert_rows
from mood_core.store.database import Database
from mood_core.store.keys import with_keys
from mood_core.store.ledger import LedgerEntry, enter
from mood_core.store.sql_files import sql_file
from mood_core.store.time_zones import ensure_offsets

_COLUMNS = re.compile(r"INSERT INTO \w+ \(([^)]+)\)")


def load_batch(database: Database, entry: LedgerEntry, rows: pa.Table, *, now: datetime) -> bool:
    """Load ``rows`` (in their dataset's schema) and write the ledger entry; False if it was loaded before.

    Raises:
        StoreBusy: Another writer held the database for too long.
        StoreError: The database refuses the rows; nothing is changed then.
    """
    statement = sql_file("load", entry.dataset).text
    with database.write() as connection:
        if not enter(connection, entry, now):
            return False
        insert_rows(connection, statement, with_keys(connection, rows).select(_columns_of(statement)))
        if "timezone" in rows.schema.names:
            ensure_offsets(connection, rows["timezone"].unique().to_pylist())
    return True


def _columns_of(statement: str) -> list[str]:
    match = _COLUMNS.search(statement)
    if match is None:
        raise ValueError("a loading statement names its columns")
    return [column.strip() for column in match.group(1).split(",")]

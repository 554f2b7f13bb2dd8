"""The ledger of batches: which files of the lake are in SQL.

Functions that only read take a database, or a connection to read at the same point in time as other queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

if TYPE_CHECKING:
    from mood_core.lake import BatchFile  # `moodlog status` reads the ledger without PyArrow


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The ledger's record of the file at ``path``; ``sha256`` is a hex digest."""

    batch_id: str
    dataset: str
    path: str
    sha256: str
    row_count: int
    byte_count: int


def enter(connection: Connection, file: BatchFile, now: datetime) -> bool:
    """Add ``file``; False if the ledger has it. On PostgreSQL a second loader waits here for the first one.

    A batch is never loaded before it was created, even if the clock was set back: batches are read in this order.
    """
    names = ("batch_id", "dataset", "path", "sha256", "row_count", "byte_count", "schema_version")
    values = {name: getattr(file, name) for name in names}
    values |= {"created_at_ms": to_ms(file.created_at), "loaded_at_ms": to_ms(max(now, file.created_at))}
    return connection.execute(query("enter_batch"), values).first() is not None


def take_over(connection: Connection, file: BatchFile) -> bool:
    """Remove the batches that ``file`` replaces; True if the ledger had all of them, so that every row is in SQL."""
    return bool(file.replaces) and remove(connection, file.replaces) == len(file.replaces)


def remove(connection: Connection, batch_ids: Sequence[str]) -> int:
    """Remove ``batch_ids`` from the ledger; returns the number of batches that it had."""
    return connection.execute(query("remove_batches"), {"ids": batch_ids}).rowcount


def entries(source: Database | Connection) -> dict[str, LedgerRow]:
    """The whole ledger by path."""
    statement = query("batches")
    rows = source.rows(statement) if isinstance(source, Database) else source.execute(statement)
    return {row.path: LedgerRow(*row) for row in rows}


def loaded_among(source: Database | Connection, batch_ids: Sequence[str]) -> set[str]:
    """The batches of ``batch_ids`` that are in the ledger."""
    return set(source.scalars(query("known_batches"), {"ids": batch_ids})) if batch_ids else set()


def newest_batch(source: Database | Connection) -> datetime | None:
    """When the newest batch in the ledger was created; None without batches."""
    newest = source.scalar(query("newest_batch"))
    return None if newest is None else from_ms(newest)


def paths_loaded_since(database: Database, dataset: str, since: datetime) -> list[str]:
    """Paths of the batches of ``dataset`` that were loaded at ``since`` or later, in the order of loading."""
    return database.scalars(query("paths_loaded_since"), {"dataset": dataset, "since": to_ms(since)})


def batch_counts(database: Database) -> list[dict[str, object]]:
    """By dataset: the number of ``batches``, ``rows`` and ``bytes`` in the ledger."""
    return [row._asdict() for row in database.rows(query("batch_counts"))]

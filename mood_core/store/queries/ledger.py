"""The ledger of batches: which files of the lake are in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


class LedgerEntry(Protocol):
    """What the ledger records of a batch file. Sizes in rows and bytes; ``sha256`` is a hex digest."""

    @property
    def batch_id(self) -> str: ...  # noqa: D102
    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def row_count(self) -> int: ...  # noqa: D102
    @property
    def byte_count(self) -> int: ...  # noqa: D102
    @property
    def schema_version(self) -> int: ...  # noqa: D102
    @property
    def created_at(self) -> datetime: ...  # noqa: D102
    @property
    def replaces(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What the ledger says of a file at ``path``; sizes in rows and bytes."""

    batch_id: str
    dataset: str
    path: str
    sha256: str
    row_count: int
    byte_count: int


def enter(connection: Connection, entry: LedgerEntry, now: datetime) -> bool:
    """Write ``entry``; False if it stands already. On PostgreSQL a second loader waits here for the first.

    Nothing is loaded before it was created: so by a clock that was put back it is not older than what it comes after.
    """
    names = ("batch_id", "dataset", "path", "sha256", "row_count", "byte_count", "schema_version")
    values = {name: getattr(entry, name) for name in names}
    values |= {"created_at_ms": to_ms(entry.created_at), "loaded_at_ms": to_ms(max(now, entry.created_at))}
    return connection.execute(query("enter_batch"), values).first() is not None


def take_over(connection: Connection, entry: LedgerEntry) -> bool:
    """Remove the rows of the batches that ``entry`` replaces; True if all stood there, so that every row is in SQL."""
    if not entry.replaces:
        return False
    gone = connection.execute(query("remove_batches"), {"ids": entry.replaces})
    return gone.rowcount == len(entry.replaces)


def remove(connection: Connection, batch_ids: Sequence[str]) -> None:
    """Take ``batch_ids`` out of the ledger."""
    connection.execute(query("remove_batches"), {"ids": batch_ids})


def entries(database: Database) -> dict[str, LedgerRow]:
    """Everything in the ledger by path."""
    with database.read() as connection:
        return entries_in(connection)


def entries_in(connection: Connection) -> dict[str, LedgerRow]:
    """Everything in the ledger by path, of the same moment as whatever else ``connection`` reads."""
    return {row.path: LedgerRow(*row) for row in connection.execute(query("batches"))}


def loaded_among(database: Database, batch_ids: list[str]) -> set[str]:
    """Those of ``batch_ids`` that the ledger knows."""
    if not batch_ids:
        return set()
    with database.read() as connection:
        return loaded_among_in(connection, batch_ids)


def loaded_among_in(connection: Connection, batch_ids: list[str]) -> set[str]:
    """Like :func:`loaded_among`, at the point in time of whatever else ``connection`` reads."""
    return set(connection.scalars(query("known_batches"), {"ids": batch_ids}))


def newest_batch(database: Database) -> datetime | None:
    """When the newest batch in the ledger was created; None while there is none."""
    with database.read() as connection:
        return newest_batch_in(connection)


def newest_batch_in(connection: Connection) -> datetime | None:
    """Like :func:`newest_batch`, at the point in time of whatever else ``connection`` reads."""
    newest = connection.scalar(query("newest_batch"))
    return None if newest is None else from_ms(newest)


def paths_loaded_since(database: Database, dataset: str, moment: datetime) -> list[str]:
    """Where the batches of ``dataset`` lie that were loaded at ``moment`` or later, in the order of loading."""
    with database.read() as connection:
        return list(connection.scalars(query("paths_loaded_since"), {"dataset": dataset, "since": to_ms(moment)}))


def batch_counts(database: Database) -> list[dict[str, object]]:
    """By dataset: how many ``batches``, ``rows`` and ``bytes`` the ledger holds."""
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query("batch_counts")).mappings()]

"""Tombstones: who was forgotten, so that no file, import or late writer brings their rows back.

A person is named by an HMAC of their id. Its key is random and made once for an installation; it lies beside the
hashes, in SQL and in the lake. So a tombstone names nobody, and cannot be compared with those of another installation;
whoever holds the database and suspects an id can confirm that it was forgotten here.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.domain.records import from_ms
from mood_core.lake.schema import FORGOTTEN
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

BEING_FORGOTTEN = "is being forgotten"
"""The reason why an account is paused, from the moment in which a run begins to forget its person."""

_LOCK = 0x70656F70  # "peop": on PostgreSQL, writers of people's rows share it, and whoever forgets has it alone


@dataclass(frozen=True, slots=True)
class Tombstone:
    """When a person was forgotten and, after a new consent, when that was lifted."""

    person_hash: str
    hash_key: str
    forgotten_at: datetime
    lifted_at: datetime | None

    @property
    def in_force(self) -> bool:
        """Whether no row of the person may be stored at all."""
        return self.lifted_at is None or self.lifted_at <= self.forgotten_at

    def keeps_out(self, created_at: datetime) -> bool:
        """Whether rows of a batch of ``created_at`` are from before the person's new consent."""
        return self.in_force or self.lifted_at is None or created_at < self.lifted_at


@lru_cache(maxsize=100_000)
def person_hash(user_id: str, hash_key: str) -> str:
    """The keyed hash of ``user_id``: 64 hex digits."""
    return hmac.digest(hash_key.encode(), user_id.encode(errors="surrogatepass"), "sha256").hex()


def tombstones_of(connection: Connection, user_ids: Iterable[str]) -> dict[str, Tombstone]:
    """The tombstones of those of ``user_ids`` who were forgotten, also of those who came back."""
    found: dict[str, Tombstone] = {}
    ids = list(user_ids)
    for key in _keys(connection) if ids else ():
        of_hash = {person_hash(user_id, key): user_id for user_id in ids}
        for row in connection.execute(query("tombstones_of"), {"ids": list(of_hash)}):
            lifted = None if row.lifted_at_ms is None else from_ms(row.lifted_at_ms)
            tombstone = Tombstone(row.person_hash, row.hash_key, from_ms(row.forgotten_at_ms), lifted)
            found[of_hash[row.person_hash]] = tombstone
    return found


def tombstone_of(database: Database, user_id: str) -> Tombstone | None:
    """The tombstone of ``user_id``, also where it was lifted; None for somebody who was never forgotten."""
    with database.read() as connection:
        return tombstones_of(connection, [user_id]).get(user_id)


def newest_forgetting(connection: Connection) -> int:
    """When somebody was forgotten last, ms; 0 where nobody was."""
    return connection.scalar(query("newest_forgetting")) or 0


def half_forgotten(database: Database) -> list[str]:
    """The ids of people who are still stored though they are to be forgotten: a run was killed in the middle."""
    with database.read() as connection:
        found = set(connection.scalars(query("paused_for"), {"reason": BEING_FORGOTTEN}))
        if _keys(connection):
            ids = list(connection.scalars(query("every_person")))
            found |= {user_id for user_id, stone in tombstones_of(connection, ids).items() if stone.in_force}
    return sorted(found)


def all_people(database: Database) -> list[str]:
    """The ids of everybody whom SQL knows."""
    with database.read() as connection:
        return list(connection.scalars(query("every_person")))


def kept_out(database: Database, written: Collection[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    """Those of ``written``, by person and time, whose person was forgotten and did not come back before that."""
    with database.read() as connection:
        found = tombstones_of(connection, {user_id for user_id, _ in written})
    return {(user_id, at) for user_id, at in written if user_id in found and found[user_id].keeps_out(at)}


def tombstone_row(database: Database, user_id: str, *, at: datetime) -> pa.Table:
    """The row of the dataset ``forgotten`` that says that ``user_id`` was forgotten ``at``."""
    with database.read() as connection:
        keys = _keys(connection)
    key = keys[0] if keys else secrets.token_hex(32)
    return _row(person_hash(user_id, key), key, at, None)


def lifted(tombstone: Tombstone, *, at: datetime) -> pa.Table:
    """The row of the dataset ``forgotten`` that says that the person came back ``at``."""
    return _row(tombstone.person_hash, tombstone.hash_key, tombstone.forgotten_at, at)


def all_tombstones(database: Database) -> pa.Table:
    """Every tombstone, as rows of the dataset ``forgotten``."""
    with database.read() as connection:
        rows = connection.execute(query("every_tombstone"))
        columns = list(zip(*rows, strict=True)) or [()] * len(FORGOTTEN.schema)
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return pa.table(dict(zip(FORGOTTEN.schema.names, arrays, strict=True))).cast(FORGOTTEN.schema)


def without_forgotten(connection: Connection, rows: pa.Table, created_at: datetime) -> pa.Table:
    """``rows`` of a batch of ``created_at`` without those of people who were forgotten and gave no consent since."""
    if "user_id" not in rows.schema.names:
        return rows
    found = tombstones_of(connection, user_ids_of(rows))
    return drop_people(rows, [user_id for user_id, stone in found.items() if stone.keeps_out(created_at)])


def drop_people(rows: pa.Table, user_ids: Sequence[str]) -> pa.Table:
    """``rows`` without those of ``user_ids``, and without what only those mention in a column's dictionary."""
    if not user_ids:
        return rows
    gone = pc.is_in(rows["user_id"].cast(pa.string()), pa.array(user_ids, pa.string()))
    return _encoded_anew(rows.filter(pc.invert(gone)))


def _encoded_anew(rows: pa.Table) -> pa.Table:
    columns = [
        column.cast(column.type.value_type).combine_chunks().dictionary_encode().cast(column.type)
        if pa.types.is_dictionary(column.type)
        else column
        for column in rows.columns
    ]
    return pa.table(columns, schema=rows.schema)


def user_ids_of(rows: pa.Table) -> list[str]:
    """The people in ``rows``."""
    ids: list[str] = pc.unique(rows["user_id"].cast(pa.string())).to_pylist()
    return ids


def lock_people(connection: Connection, *, alone: bool = False) -> None:
    """Let nobody be forgotten until the end of the transaction; ``alone``: wait for those who write rows of people."""
    if connection.dialect.name == "postgresql":
        connection.execute(query("lock_transaction" if alone else "lock_people"), {"key": _LOCK})


def _keys(connection: Connection) -> list[str]:
    return list(connection.scalars(query("hash_keys")))


def _row(hash_: str, key: str, at: datetime, lifted_at: datetime | None) -> pa.Table:
    row = {"person_hash": hash_, "hash_key": key, "forgotten_at": at, "lifted_at": lifted_at}
    return pa.Table.from_pylist([row], schema=FORGOTTEN.schema)

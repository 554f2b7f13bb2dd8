"""Tombstones and tables of rows: the rows that a tombstone keeps out, and the rows that record a tombstone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.lake.schema import FORGOTTEN
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.loading.tombstones import Tombstone, hash_keys, person_hash, tombstones_of


def tombstone_row(database: Database, user_id: str, *, at: datetime) -> pa.Table:
    """The row of the dataset ``forgotten`` that records that ``user_id`` was forgotten ``at``."""
    keys = hash_keys(database)
    key = keys[0] if keys else secrets.token_hex(32)
    return _row(person_hash(user_id, key), key, at, None)


def lifted(tombstone: Tombstone, *, at: datetime) -> pa.Table:
    """The row of the dataset ``forgotten`` that records that the tombstone was lifted ``at``."""
    return _row(tombstone.person_hash, tombstone.hash_key, tombstone.forgotten_at, at)


def all_tombstones(database: Database) -> pa.Table:
    """Every tombstone, as rows of the dataset ``forgotten``."""
    rows = [with_times(row) for row in database.rows(query("every_tombstone"))]
    return pa.Table.from_pylist(rows, schema=FORGOTTEN.schema)


def without_forgotten(connection: Connection, rows: pa.Table, created_at: datetime) -> pa.Table:
    """``rows`` of a batch of ``created_at`` without those that a tombstone keeps out."""
    if "user_id" not in rows.schema.names:
        return rows
    found = tombstones_of(connection, user_ids_of(rows))
    return drop_people(rows, [user_id for user_id, stone in found.items() if stone.keeps_out(created_at)])


def drop_people(rows: pa.Table, user_ids: Sequence[str]) -> pa.Table:
    """``rows`` without those of ``user_ids``, and without values of dictionaries that only those rows have."""
    if not user_ids:
        return rows
    gone = pc.is_in(rows["user_id"].cast(pa.string()), pa.array(user_ids, pa.string()))
    return _encoded_again(rows.filter(pc.invert(gone)))


def _encoded_again(rows: pa.Table) -> pa.Table:
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


def _row(hash_: str, key: str, at: datetime, lifted_at: datetime | None) -> pa.Table:
    row = {"person_hash": hash_, "hash_key": key, "forgotten_at": at, "lifted_at": lifted_at}
    return pa.Table.from_pylist([row], schema=FORGOTTEN.schema)

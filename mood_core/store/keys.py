"""Text ids at the edges, integer keys inside: turns a batch's columns into those of its table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, CursorResult, text

_STUBS = {
    # What is referred to before it is described: a lost tracks batch must not cost the listens.
    "users": (
        "INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)"
        " VALUES (:id, :id, 'UTC', 0, 0) ON CONFLICT (user_id) DO NOTHING"
    ),
    "tracks": (
        "INSERT INTO tracks (track_id, name, artists, kind)"
        " VALUES (:id, '', '', 'track') ON CONFLICT (track_id) DO NOTHING"
    ),
    "sources": "INSERT INTO sources (source) VALUES (:id) ON CONFLICT (source) DO NOTHING",
    "models": "INSERT INTO models (model_version) VALUES (:id) ON CONFLICT (model_version) DO NOTHING",
}

_REFERENCES = {
    # column of a batch: (table, its text column, its key column)
    "user_id": ("users", "user_id", "user_key"),
    "track_id": ("tracks", "track_id", "track_key"),
    "source": ("sources", "source", "source_key"),
    "feature_source": ("sources", "source", "source_key"),
    "model_version": ("models", "model_version", "model_key"),
}


KeysOfTracks = Callable[[Connection, Sequence[str]], list[int]]
"""Gives the keys of track ids in their order, and unknown ones a key."""


def keys_of(connection: Connection, table: str, ids: Sequence[str], *, create: bool = False) -> dict[str, int]:
    """The integer keys of ``ids`` in ``table`` (users, tracks, sources or models); unknown ids are left out.

    With ``create``, unknown ids get a row of their own and a key.
    """
    id_column, key_column = next((text_, key) for name, text_, key in _REFERENCES.values() if name == table)
    found = _look_up(connection, table, id_column, key_column, ids)
    missing = [{"id": id_} for id_ in sorted(set(ids) - found.keys())]
    if create and missing:
        connection.execute(text(_STUBS[table]), missing)
        found |= _look_up(connection, table, id_column, key_column, [row["id"] for row in missing])
    return found


def with_keys(connection: Connection, rows: pa.Table, track_keys: KeysOfTracks) -> pa.Table:
    """``rows`` with the columns of their SQL table: keys for ids, ``*_ms`` for times, text for lists, 0/1 for truth."""
    columns: dict[str, pa.ChunkedArray] = {}
    for name in rows.schema.names:
        column, kind = rows.column(name), rows.schema.field(name).type
        if pa.types.is_timestamp(kind):
            columns[f"{name}_ms"] = column.cast(pa.int64())
        elif pa.types.is_list(kind):
            columns[name] = pc.binary_join(column.cast(pa.list_(pa.string())), ", ")
        elif pa.types.is_boolean(kind):
            columns[name] = column.cast(pa.int8())
        else:
            columns[name] = column.cast(pa.string()) if pa.types.is_dictionary(kind) else column
    _add_keys(connection, rows, columns, track_keys)
    if "missed_at_ms" in columns:
        columns["first_missed_at_ms"] = columns["last_missed_at_ms"] = columns["missed_at_ms"]
        columns["misses"] = pa.chunked_array([pa.repeat(1, rows.num_rows)])
    return pa.table(columns)


def _add_keys(
    connection: Connection, rows: pa.Table, columns: dict[str, pa.ChunkedArray], track_keys: KeysOfTracks
) -> None:
    # The dataset that describes a table's rows brings their ids itself.
    describes = {"display_name": "user_id", "artists": "track_id"}
    own = {id_ for marker, id_ in describes.items() if marker in columns}
    for name, (table, _, key) in _REFERENCES.items():
        if name in columns and name not in own:
            look_up = track_keys if table == "tracks" else partial(_keys_in_order, table)
            columns[key] = _keys_column(connection, look_up, rows.column(name))


def _keys_in_order(table: str, connection: Connection, ids: Sequence[str]) -> list[int]:
    keys = keys_of(connection, table, ids, create=True)
    return [keys[id_] for id_ in ids]


def _keys_column(connection: Connection, look_up: KeysOfTracks, ids: pa.ChunkedArray) -> pa.ChunkedArray:
    encoded = ids.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    keys = pa.array(look_up(connection, encoded.dictionary.to_pylist()), pa.int64())
    return pa.chunked_array([keys.take(encoded.indices)])


def _look_up(connection: Connection, table: str, id_column: str, key_column: str, ids: Sequence[str]) -> dict[str, int]:
    condition, given = among(connection, id_column, ids)
    # A person must not be deleted between this and the commit: their listens have no row-wise foreign key there.
    lock = " FOR KEY SHARE" if table == "users" and connection.dialect.name == "postgresql" else ""
    query = text(f"SELECT {id_column}, {key_column} FROM {table} WHERE {condition}{lock}")  # noqa: S608 - own names
    return dict(raw_rows(connection.execute(query, {"ids": given})))


def raw_rows(result: CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as the driver's own tuples: a quarter of the time of SQLAlchemy's rows, which counts for 100,000 ids."""
    return [*result.cursor.fetchall()] if result.cursor else []


def among(connection: Connection, column: str, values: Sequence[str | int]) -> tuple[str, object]:
    """A condition "``column`` is one of ``values``" and its one parameter ``:ids``, whatever the number of values."""
    if connection.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(:ids))", json.dumps(list(values))  # noqa: S608
    return f"{column} = ANY(:ids)", list(values)

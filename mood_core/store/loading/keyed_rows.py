"""Converts the columns of a batch to those of its table: integer keys instead of ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.store.loading.keys import REFERENCES, keys_of
from mood_core.text.names import name_key

KeysOfTracks = Callable[[Connection, Sequence[str]], list[int]]
"""Returns the keys of track ids in their order; an unknown id gets a key."""


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
    if "display_name" in columns:
        keys = map(name_key, columns["display_name"].to_pylist())
        columns["name_key"] = pa.chunked_array([pa.array(keys, pa.string())])
    if "missed_at_ms" in columns:
        columns["first_missed_at_ms"] = columns["last_missed_at_ms"] = columns["missed_at_ms"]
        columns["misses"] = pa.chunked_array([pa.repeat(1, rows.num_rows)])
    if "outcome" in columns:
        columns["misses"] = pc.not_equal(columns["outcome"], "found").cast(pa.int64())
    return pa.table(columns)


def _add_keys(
    connection: Connection, rows: pa.Table, columns: dict[str, pa.ChunkedArray], track_keys: KeysOfTracks
) -> None:
    # A dataset that describes the rows of a table has their ids, not keys.
    describes = {"display_name": "user_id", "artists": "track_id"}
    own = {id_ for marker, id_ in describes.items() if marker in columns}
    for name, (table, _, key) in REFERENCES.items():
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

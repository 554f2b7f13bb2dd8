"""Keeps the artists of tracks, one row each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of


def replace_artists(connection: Connection, tracks: pa.Table) -> None:
    """Replace the artists of ``tracks``, which are rows of the dataset that were loaded in this transaction."""
    ids = tracks["track_id"].to_pylist()
    keys = keys_of(connection, "tracks", ids)
    connection.execute(query("delete_rows_of_tracks", table="artist_credits"), {"ids": list(keys.values())})
    insert_rows(connection, "load_artist_credits", _credits(tracks, pa.array([keys[id_] for id_ in ids], pa.int64())))


def _credits(tracks: pa.Table, track_keys: pa.Array) -> pa.Table:
    """A row per track and artist: ``track_key``, ``place`` (from 1), ``artist``."""
    names = tracks["artists"].combine_chunks()
    rows, firsts = pc.list_parent_indices(names).to_numpy(), names.offsets.to_numpy()
    places = np.arange(len(rows)) - (firsts[rows] - firsts[0]) + 1
    artists = pc.list_flatten(names)
    table = pa.table(
        {"track_key": track_keys.take(pa.array(rows)), "place": places.astype(np.int64), "artist": artists}
    )
    return table.filter(pc.not_equal(artists, ""))

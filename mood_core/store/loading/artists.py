"""Keeps the artists of tracks, one row each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of, raw_rows


def release_years(connection: Connection, tracks: pa.Table) -> dict[str, int | None]:
    """The years of release of those of ``tracks`` that are stored, by id."""
    ids = tracks["track_id"].to_pylist()
    return dict(raw_rows(connection.execute(query("release_years"), {"ids": ids})))


def replace_artists(connection: Connection, tracks: pa.Table, before: Mapping[str, int | None]) -> list[int]:
    """Replace the artists of ``tracks``, rows of the dataset that were loaded in this transaction, where they differ.

    ``before`` are the :func:`release_years` before that. Returns the keys of the tracks that were stored before and
    have other artists or another year of release now. A row that has the stored artists as one name ("A, B"), because
    it was read from a view, changes none.
    """
    ids, years = tracks["track_id"].to_pylist(), release_years(connection, tracks)
    keys = keys_of(connection, "tracks", ids)
    stored: dict[int, list[str]] = {}
    for key, artist in raw_rows(connection.execute(query("stored_credits"), {"ids": list(keys.values())})):
        stored.setdefault(key, []).append(artist)
    names = [[name for name in artists or [] if name] for artists in tracks["artists"].to_pylist()]
    other = [
        artists not in (known := stored.get(keys[id_], []), [", ".join(known)])
        for id_, artists in zip(ids, names, strict=True)
    ]
    changed = tracks.filter(pa.array(other))
    changed_keys = [keys[id_] for id_ in changed["track_id"].to_pylist()]
    if changed_keys:
        connection.execute(query("delete_rows_of_tracks", table="artist_credits"), {"ids": changed_keys})
        insert_rows(connection, "load_artist_credits", _credits(changed, pa.array(changed_keys, pa.int64())))
    return [
        keys[id_]
        for id_, differs in zip(ids, other, strict=True)
        if id_ in before and (differs or years[id_] != before[id_])
    ]


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

"""Keeps the other names of tracks, so that plays by name find the track under each of them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from mood_core.domain.records import Track, TrackKind, TrackName
from mood_core.domain.spotify_ids import kind_of
from mood_core.domain.track_names import other_names
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACK_NAMES
from mood_core.store.queries.listens import ListenStore


def other_names_table(seen: Iterable[TrackName], written: set[str], stored: ListenStore) -> pa.Table:
    """The names in ``seen`` that are new to tracks that are stored or, by id, ``written`` now.

    Local files have no other names: nobody else can play them.
    """
    candidates = [name for name in seen if kind_of(name.track_id) is TrackKind.TRACK and name.artist and name.title]
    known = stored.names_of({name.track_id for name in candidates})
    described = written | {name.track_id for name in known}
    found = other_names((name for name in candidates if name.track_id in described), known)
    return to_table(TRACK_NAMES, found)


def names_in(tracks: Iterable[Track]) -> list[TrackName]:
    """The names of ``tracks``."""
    return [TrackName(track.track_id, ", ".join(track.artists), track.name) for track in tracks]

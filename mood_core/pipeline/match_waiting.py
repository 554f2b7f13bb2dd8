"""Gives plays that an export named by artist and title alone their track, once a track of that name is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from mood_core.pipeline.batches import Batches
from mood_core.pipeline.import_history import named_table
from mood_core.pipeline.import_names import name_index
from mood_core.pipeline.same_listen import Play, already_stored
from mood_core.records import Listen, ListenSource, TrackKind, from_ms
from mood_core.schema import LISTENS, NAMED_PLAYS, TRACKS
from mood_core.store.import_rows import ImportRows
from mood_core.tables import to_table

_Waiting = tuple[str, int, str, str, int]

_OVERLAP = timedelta(days=1)
"""A run dates what it loads by its start; none lasts longer."""


def match_waiting(rows: ImportRows, batches: Batches, *, now: datetime) -> int:
    """Store the waiting plays whose track is known by now as listens; returns how many plays found their track.

    A play that another source has told of meanwhile becomes no second listen. The listens are written before the plays
    are marked, so that a run killed in between is repeated without harm. Asks nobody; costs one query when none wait,
    and otherwise reads the names that came since the last time: against all older ones the plays were held before.

    Raises:
        StoreError: The database or the lake fails.
    """
    waiting = rows.waiting()
    if not waiting:
        return 0
    until = rows.names_matched_until()
    index = name_index(rows.track_names() if until is None else _names_since(until - _OVERLAP, batches))
    found = 0
    for user_id, plays in groupby(waiting, key=lambda play: play[0]):
        known = [(play, track_id) for play in plays if (track_id := index.find(play[2], play[3])) is not None]
        if known:
            _store(user_id, known, rows, batches, now)
        found += len(known)
    rows.names_matched(now)
    return found


def _names_since(moment: datetime, batches: Batches) -> Iterator[tuple[str, str, str]]:
    """(track id, title, artists) of the tracks that were loaded since ``moment``."""
    for table in batches.loaded_since(TRACKS, moment):
        for row in table.select(["track_id", "name", "artists", "kind"]).to_pylist():
            if row["name"] and row["kind"] == TrackKind.TRACK:
                yield row["track_id"], row["name"], ", ".join(row["artists"])


def _store(user_id: str, known: list[tuple[_Waiting, str]], rows: ImportRows, batches: Batches, now: datetime) -> None:
    incoming = [(track_id, Play(play[1], play[4], ListenSource.ACCOUNT_DATA)) for play, track_id in known]
    told = already_stored(incoming, _stored(user_id, {track_id for _, track_id in known}, rows))
    listens = {
        (play.at_ms, track_id): Listen(user_id, from_ms(play.at_ms), track_id, play.source, play.ms_played)
        for (track_id, play), is_told in zip(incoming, told, strict=True)
        if not is_told
    }
    batches.add(LISTENS, to_table(LISTENS, listens.values()), now=now)
    named = [play[1:] for play, _ in known]
    batches.add(NAMED_PLAYS, named_table(user_id, named, [track_id for _, track_id in known]), now=now)


def _stored(user_id: str, track_ids: set[str], rows: ImportRows) -> list[tuple[str, Play]]:
    id_of = {key: track_id for track_id, key in rows.track_keys(sorted(track_ids)).items()}
    stored: dict[str, list[Play]] = defaultdict(list)
    for chunk in rows.listens(user_id):
        for key, at_ms, ms_played, source in chunk:
            if key in id_of:
                stored[id_of[key]].append(Play(at_ms, ms_played, ListenSource(source)))
    return [(track_id, play) for track_id, plays in sorted(stored.items()) for play in plays]

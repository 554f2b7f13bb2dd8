"""Matches pending plays, which have only artist and title, to a track once a track of that name is known."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from mood_core.domain.bounds import STORED_MS
from mood_core.domain.play_matching import matches_by_song
from mood_core.domain.play_rules import SCROBBLED, TOLERANCE_MS, Play
from mood_core.domain.records import Listen, ListenSource, Track, TrackKind, from_ms
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, NAMED_PLAYS, TRACK_NAMES, TRACKS
from mood_core.store.queries.import_rows import ImportRows
from mood_core.text.format import plural
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.decide import Named, free_times, times_of, to_the_minute
from mood_core.usecases.imports.track_lookup import Catalog, NameSearch, no_catalog
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.quarantine import Quarantine

_OVERLAP = timedelta(days=1)
"""Longer than any run: a run dates the rows it loads by its start."""

log = logging.getLogger(__name__)


def match_pending(
    rows: ImportRows,
    batches: Batches,
    *,
    now: datetime,
    catalog: Catalog = no_catalog,
    quarantine: Quarantine = lambda _user_id, rows: len(rows),
) -> int:
    """Store the pending plays whose track is known by now as listens. Returns how many plays were matched to a track.

    A play that another source has reported in the meantime is not stored again. Listens are written before the plays
    are marked, so it is safe to rerun after a crash. Calls no service. Costs one query without pending plays; otherwise
    it also reads the names that were added since the last run, because older names were compared then; with pending
    scrobbles, or after a track got another name, all names.
    ``catalog`` holds the names in the person's catalogue files. A play with an invalid time, which an older version
    stored, is quarantined and no longer pending.

    Raises:
        InputError: A catalogue file is invalid.
        StoreError: The database or the lake fails.
    """
    pending = rows.pending_plays()
    if not pending:
        return 0
    search = NameSearch()
    for _, _, artist, title, *_ in pending:
        search.want(artist, title)
    until = rows.names_matched_until()
    is_known = until is not None and until <= now  # a later time comes from a wrong clock
    if any(source in SCROBBLED for *_, source in pending):  # a pull does not compare them with known names
        is_known = False
    search.want_other_names(rows.other_names())
    since = until - _OVERLAP if until and is_known else None
    is_renamed = since is not None and next(batches.loaded_since(TRACK_NAMES, since), None) is not None
    search.add(rows.track_names() if since is None or is_renamed else _names_since(since, batches))
    catalogued = search.add_from(catalog)
    tracks = [Track(track_id, title, (artists,)) for track_id, (title, artists) in sorted(catalogued.items())]
    batches.add(TRACKS, to_table(TRACKS, tracks), now=now)
    found = 0
    tracks_of = {(artist, title): search.find(artist, title) for _, _, artist, title, *_ in pending}
    search.join_names()
    # One source after the other: plays of one source are different plays, those of several may be the same.
    for (user_id, source), plays in groupby(pending, key=lambda play: (play[0], play[5])):
        known = [(play[1:5], track_id) for play in plays if (track_id := tracks_of[play[2], play[3]]) is not None]
        invalid = [play for play, _ in known if not STORED_MS[0] <= play[0] <= STORED_MS[1]]
        if invalid and (new := quarantine(user_id, [_quarantined(play) for play in invalid])):
            log.warning("%s quarantined: the time is out of range", plural(new, "pending play"))
        if known:
            _store(user_id, ListenSource(source), known, search, rows, batches, now)
        found += len(known) - len(invalid)
    rows.names_matched(now)
    return found


def _quarantined(play: Named) -> tuple[dict[str, Any], object]:
    ended_at_ms, artist, title, ms_played = play
    row = {"ended_at_ms": ended_at_ms, "artist": artist, "title": title, "ms_played": ms_played}
    return {"reason": "the time is out of range"}, row


def _names_since(since: datetime, batches: Batches) -> Iterator[tuple[str, str, str]]:
    """(track id, title, artists) of the tracks that were loaded since a time."""
    for table in batches.loaded_since(TRACKS, since):
        for row in table.select(["track_id", "name", "artists", "kind"]).to_pylist():
            if row["name"] and row["kind"] == TrackKind.TRACK:
                yield row["track_id"], row["name"], ", ".join(row["artists"])


def _store(
    user_id: str,
    source: ListenSource,
    known: Sequence[tuple[Named, str]],
    search: NameSearch,
    rows: ImportRows,
    batches: Batches,
    now: datetime,
) -> None:
    groups = [search.group_of(track_id) or 0 for _, track_id in known]
    plays = [Play(at_ms, ms_played, source) for (at_ms, _, _, ms_played), _ in known]
    stored = _stored(user_id, {track_id for _, track_id in known}, search, rows)
    if source in SCROBBLED:
        stored = _undecided(stored, plays)
    matches = matches_by_song(
        [(str(group), play) for group, play in zip(groups, plays, strict=True)],
        [(str(group), play) for group, some in stored.items() for play in to_the_minute(some)],
    )
    new = [
        position
        for position, match in enumerate(matches)
        if match is None and STORED_MS[0] <= plays[position].at_ms <= STORED_MS[1]
    ]
    lengths = [-1 if play.ms_played is None else play.ms_played for play in plays]
    times = free_times([(groups[each], plays[each].at_ms, lengths[each]) for each in new], times_of(stored))
    listens = [
        Listen(user_id, from_ms(at_ms), known[each][1], source, plays[each].ms_played)
        for each, at_ms in zip(new, times, strict=True)
    ]
    batches.add(LISTENS, to_table(LISTENS, listens), now=now)
    named = [play for play, _ in known]
    batches.add(NAMED_PLAYS, named_table(user_id, named, [track_id for _, track_id in known], source), now=now)


def _undecided(stored: dict[int, list[Play]], plays: Sequence[Play]) -> dict[int, list[Play]]:
    """``stored`` without scrobbles that start at another time than ``plays``: those were compared when they came."""
    starts = sorted(play.at_ms for play in plays)
    return {
        group: [play for play in some if play.source not in SCROBBLED or _is_near(play.at_ms, starts)]
        for group, some in stored.items()
    }


def _is_near(at_ms: int, starts: Sequence[int]) -> bool:
    place = bisect_left(starts, at_ms - TOLERANCE_MS)
    return place < len(starts) and starts[place] <= at_ms + TOLERANCE_MS


def _stored(user_id: str, track_ids: set[str], search: NameSearch, rows: ImportRows) -> dict[int, list[Play]]:
    """The person's stored plays of these tracks and of tracks with the same name, by group."""
    alike = {each: search.group_of(each) or 0 for track_id in track_ids for each in search.called_like(track_id)}
    plays: dict[int, list[Play]] = defaultdict(list)
    for track_id, play in rows.plays_but_extended(user_id):
        if track_id in alike:
            plays[alike[track_id]].append(play)
    group_of_key = {key: alike[track_id] for track_id, key in rows.track_keys(sorted(alike)).items()}
    for chunk in rows.extended_listens(user_id):
        for key, at_ms, ms_played in chunk:
            if key in group_of_key:
                plays[group_of_key[key]].append(Play(at_ms, ms_played, ListenSource.EXTENDED_HISTORY))
    return plays

"""Looks up names by resolvers: those of pending plays, and those of tracks without an ISRC and without features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mood_core.domain.play_lengths import UNKNOWN_LENGTH, KnownLength
from mood_core.domain.records import Track
from mood_core.domain.track_names import artist_spellings, plain_artist, plain_title, searched_artist
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import RESOLUTIONS, TRACKS
from mood_core.resolvers.chain import ResolveReport, resolve
from mood_core.resolvers.resolver import TrackResolver, WantedName
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.resolution_rows import ResolutionRows, Unresolved, main_artist
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses

SLICE = 250
"""Names for which the lock is held at once, a few minutes at one request a second."""

_LONGEST_BYTES = 1_000
_IDS_PER_QUERY = 10_000


def names_to_resolve(rows: ResolutionRows, features: FeatureRows) -> Iterator[list[WantedName]]:
    """The names to look up in slices, the most heard first."""
    wanted = _wanted(rows.unresolved(), features)
    for start in range(0, len(wanted), SLICE):
        yield _with_lengths(wanted[start : start + SLICE], features)


def resolve_slice(
    wanted: Sequence[WantedName],
    resolvers: Sequence[TrackResolver],
    rows: ResolutionRows,
    features: FeatureRows,
    batches: Batches,
    report: ResolveReport,
    *,
    now: datetime,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Ask the resolvers about ``wanted`` and store each answer before the next call, so that no call is repeated.

    Safe to rerun after a crash. ``stop`` ends it early.

    Raises:
        StoreError: The database or the lake fails.
    """
    responses = CollectResponses(features.pending, batches, now=now)
    responses.publish()  # of an interrupted run
    past = rows.past(sorted({name.name[0] for name in wanted}))
    for answer in resolve(wanted, resolvers, past, now, report):
        responses.keep_tables(
            [(TRACKS, to_table(TRACKS, answer.tracks)), (RESOLUTIONS, to_table(RESOLUTIONS, [answer.resolution]))]
        )
        if stop():
            break
    responses.publish()


def _wanted(unresolved: Sequence[Unresolved], features: FeatureRows) -> list[WantedName]:
    """The ``unresolved`` plays and tracks by normalised name; of several spellings, the most heard one is searched."""
    spelled: dict[tuple[str, str], Unresolved] = {}
    lengths: dict[tuple[str, str], dict[str, KnownLength]] = defaultdict(dict)
    for each in unresolved:
        name = plain_artist(_main_artist(each)), plain_title(each.title)
        if all(part and len(part.encode()) <= _LONGEST_BYTES for part in name):
            spelled.setdefault(name, each)
            if each.track_id:
                lengths[name][each.track_id] = each.length
    tracks = _tracks([track_id for some in lengths.values() for track_id in some], features)
    return [
        WantedName(
            name,
            searched_artist(_main_artist(each)),
            each.title,
            frozenset([name[0]] if each.track_id is None else artist_spellings(each.artists)),
            tuple(tracks[track_id] for track_id in lengths[name] if track_id in tracks),
            each.recording_mbid,
            UNKNOWN_LENGTH if each.track_id else each.length,
            lengths[name],
        )
        for name, each in spelled.items()
    ]


def _with_lengths(wanted: Sequence[WantedName], features: FeatureRows) -> list[WantedName]:
    """The ``wanted`` names with what plays show of the tracks whose duration is not stored."""
    unknown = [each for name in wanted for each, length in name.lengths.items() if length == UNKNOWN_LENGTH]
    played = features.lengths_of_plays(unknown)
    return [
        replace(name, lengths={each: played.get(each, length) for each, length in name.lengths.items()})
        for name in wanted
    ]


def _main_artist(wanted: Unresolved) -> str:
    return wanted.artists if wanted.track_id is None else main_artist(wanted.artists)


def _tracks(track_ids: Sequence[str], features: FeatureRows) -> dict[str, Track]:
    found: dict[str, Track] = {}
    for start in range(0, len(track_ids), _IDS_PER_QUERY):
        stored = features.stored(track_ids[start : start + _IDS_PER_QUERY])
        found |= {track_id: track for track_id, (track, _, _) in stored.items()}
    return found

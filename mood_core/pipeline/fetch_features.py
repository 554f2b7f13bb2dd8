"""Fetches the audio features of every track that has none yet, once for each track ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mood_core.features.chain import fetch_features as walk
from mood_core.features.report import FetchReport
from mood_core.features.source import FeatureSource
from mood_core.pipeline.batches import Batches
from mood_core.records import Track
from mood_core.schema import AUDIO_FEATURES, FEATURE_MISSES
from mood_core.store.feature_rows import FeatureRows
from mood_core.store.selection import Selection
from mood_core.tables import to_table

_EVERYTHING = Selection()


def fetch_features(
    sources: Sequence[FeatureSource],
    rows: FeatureRows,
    batches: Batches,
    *,
    now: datetime,
    selection: Selection = _EVERYTHING,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FetchReport:
    """Fetch the features of the selected tracks that have none. See :func:`fetch_for`."""
    return fetch_for(rows.tracks_without_features(selection), sources, rows, batches, now=now, progress=progress)


def fetch_for(
    tracks: Sequence[Track],
    sources: Sequence[FeatureSource],
    rows: FeatureRows,
    batches: Batches,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FetchReport:
    """Walk the chain of ``sources`` over ``tracks``; each answer is stored before the next is asked.

    So it can be stopped anywhere and run again with nothing asked twice. ``progress`` hears how many of how many tracks
    were answered, with features or without.

    Raises:
        InputError: A catalogue file is not what it should be.
        StoreError: The database or the lake fails.
    """
    report = FetchReport()
    answered: set[str] = set()
    for result in walk(tracks, sources, rows, now, availability=rows, report=report):
        batches.add(AUDIO_FEATURES, to_table(AUDIO_FEATURES, result.found), now=now)
        batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, result.misses), now=now)
        answered.update(features.track_id for features in result.found)
        answered.update(miss.track_id for miss in result.misses)
        progress(len(answered), len(tracks))
    return report

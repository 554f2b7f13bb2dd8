"""Fetches the audio features of every track that has none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import dropwhile

from mood_core.domain.records import Track
from mood_core.features.chain import fetch_features as walk
from mood_core.features.chain import is_denied
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FeatureSource, SourceAvailability, service_of
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.selection import Selection
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses

_EVERYTHING = Selection()


def fetch_features(
    sources: Sequence[FeatureSource],
    rows: FeatureRows,
    batches: Batches,
    *,
    now: datetime,
    selection: Selection = _EVERYTHING,
    ask_again: bool = False,
    most_heard_first: bool = False,
    stopped_in_shards: Collection[str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FetchReport:
    """Fetch the features of the selected tracks that have none, oldest first or ``most_heard_first``.

    See :func:`fetch_for`. Tracks whose feature misses rest for every source are not read. ``stopped_in_shards`` are the
    services that stopped while shards of tracks were fetched before: the others that shards do not call are called.
    """
    CollectResponses(rows.pending, batches, now=now).publish()  # responses of an interrupted run
    callable_sources = None if ask_again else callable_names(sources, rows, now)
    due = (callable_sources, now) if callable_sources else None
    if stopped_in_shards is not None:
        left = dropwhile(lambda source: not source.by_code, sources)
        sources = [source for source in left if service_of(source.name) not in stopped_in_shards]
        if not sources:
            return FetchReport()
    wanting = rows.tracks_without_features(selection, due=due, most_heard_first=most_heard_first)
    return fetch_for(wanting, sources, rows, batches, now=now, ask_again=ask_again, progress=progress)


def callable_names(
    sources: Sequence[FeatureSource], availability: SourceAvailability, now: datetime
) -> Sequence[str] | None:
    """The remote sources that may be called; None without any, or if a source is local, which is always called."""
    askable = [source for source in sources if not is_denied(source, availability, now)]
    if not askable or not all(source.remote for source in askable):
        return None
    return [source.name for source in askable]


def fetch_for(
    tracks: Sequence[Track],
    sources: Sequence[FeatureSource],
    rows: FeatureRows,
    batches: Batches,
    *,
    now: datetime,
    ask_again: bool = False,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> FetchReport:
    """Fetch the features of ``tracks`` from the chain of ``sources``; stores each response before the next call.

    Safe to rerun after a crash, without repeating calls: responses are pending in SQL until a batch file is published,
    at the latest at the end or at the next start. ``ask_again`` ignores past feature misses. ``progress`` receives the
    number of completed tracks, with or without features, and of all tracks. ``alone`` is the lock of publishing.

    Raises:
        InputError: A catalogue file is invalid.
        StoreError: The database or the lake fails.
    """
    report = FetchReport()
    answered: set[str] = set()
    responses = CollectResponses(rows.pending, batches, now, alone)
    responses.publish()
    past_misses = {} if ask_again else rows.past_misses([track.track_id for track in tracks])
    for result in walk(tracks, sources, past_misses, now, availability=rows, report=report):
        responses.keep(result)
        answered.update(features.track_id for features in result.found)
        answered.update(miss.track_id for miss in result.misses)
        progress(len(answered), len(tracks))
    responses.publish()
    return report

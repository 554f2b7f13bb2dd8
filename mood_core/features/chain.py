"""Calls the feature sources in order, in full batches, without repeating calls.

Each source is called for all tracks that still have no features, so that its batches are full. A source that looks up
by ISRC learns all missing ISRCs first, so that tracks that share one are in one call. Each batch is yielded before the
next call, so that a caller that stores it can stop and resume at any time.

Failures:

* A source that fails (rate limit, used-up quota, unavailable) is not called again in this run; its other steps are
  skipped too. Its remaining tracks are *not* feature misses: the next sources and the next run look them up.
* A source that denies access is not called for ``denied_for``; then one call retries it. If ``denied_for`` is zero, the
  denial is a failure like others; otherwise it is expected and not a problem of the run.
* A response that violates its contract is quarantined as a whole: its tracks go to the next service, but not to the
  next step of the same service, because they are not missing there. Two in a row stop the service.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from mood_core.domain.feature_misses import (
    ANY_SOURCE,
    LATEST_PLAUSIBLE,
    NOT_A_TRACK,
    PastMisses,
    is_due,
    never_has_features,
    rest_at,
)
from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.records import FeatureMiss, Track
from mood_core.errors import AccessDenied, SourceError, UnexpectedPayload
from mood_core.features.fetch_report import FetchReport, QuarantinedResponse, StoppedSource
from mood_core.features.source import FeatureSource, FetchResult, SourceAvailability, service_of

UNEXPECTED_IN_A_ROW = 2
"""Consecutive contract violations after which a service is stopped: it has probably changed."""

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Request = Callable[[Sequence[Track], datetime], FetchResult]


def fetch_features(
    tracks: Sequence[Track],
    sources: Sequence[FeatureSource],
    past_misses: PastMisses,
    at: datetime,
    *,
    availability: SourceAvailability,
    report: FetchReport | None = None,
) -> Iterator[FetchResult]:
    """Yield the result of each batch, for ``tracks`` whose features are not stored yet.

    Args:
        tracks: the tracks to look up; duplicates are looked up once.
        sources: the chain, in order.
        past_misses: the stored feature misses; a (track, source) pair that is not due at ``at`` is skipped.
        at: the time of the run, aware UTC; the date of all features and feature misses.
        availability: the services that deny access to this app.
        report: filled during the calls, for the run's summary.

    Yields:
        Results to store at once: features and feature misses (the store counts them).

    Raises:
        InputError: a catalogue file is invalid.
    """
    walk = _Walk(tracks, past_misses, at, availability, report if report is not None else FetchReport())
    yield from walk.classify()
    for source in sources:
        yield from walk.call(source)


def is_denied(source: FeatureSource, availability: SourceAvailability, at: datetime) -> bool:
    """Whether the service of ``source`` has denied access so recently that it is not called at ``at``."""
    since = availability.unavailable_since(service_of(source.name))
    return since is not None and since - LATEST_PLAUSIBLE <= at < since + source.denied_for


class _Walk:
    """State of one run: the tracks without features and the stopped services."""

    def __init__(
        self,
        tracks: Sequence[Track],
        past_misses: PastMisses,
        at: datetime,
        availability: SourceAvailability,
        report: FetchReport,
    ) -> None:
        self._pending = {track.track_id: track for track in tracks}
        self._past_misses = past_misses
        self._at = at
        self._rest = rest_at(at)
        self._availability = availability
        self._report = report
        self._stopped: set[str] = set()
        self._on_probation: set[str] = set()
        self._skipped: set[tuple[str, str]] = set()
        self._unexpected_in_a_row = 0

    def classify(self) -> Iterator[FetchResult]:
        """Remove the tracks that can never have features; yield their misses that are new."""
        excluded = [track for track in self._pending.values() if never_has_features(track)]
        for track in excluded:
            del self._pending[track.track_id]
        yield from self._without_call(ANY_SOURCE, [(track, NOT_A_TRACK) for track in excluded])

    def call(self, source: FeatureSource) -> Iterator[FetchResult]:
        """Call ``source`` for every pending track that is due, batch by batch."""
        service = service_of(source.name)
        if service in self._stopped or not self._access(source):
            return
        due, refused = self._due(source)
        yield from self._without_call(source.name, refused)
        self._unexpected_in_a_row = 0
        if source.by_code:
            lacking = [track for track in due if not _has_code(track)]
            yield from self._calls(source, source.learn, _pages(lacking, source.batch_size))
            due = [described for track in due if _has_code(described := self._pending[track.track_id])]
        yield from self._calls(source, source.fetch, _full_batches(source, due))

    def _calls(self, source: FeatureSource, request: _Request, batches: Iterator[list[Track]]) -> Iterator[FetchResult]:
        for batch in batches:
            if service_of(source.name) in self._stopped:
                return
            result = self._fetch(source, request, batch)
            if result is not None and (result.found or result.misses or result.learned):
                yield result

    def _access(self, source: FeatureSource) -> bool:
        service = service_of(source.name)
        if self._availability.unavailable_since(service) is not None:
            self._on_probation.add(service)
        return not is_denied(source, self._availability, self._at)

    def _due(self, source: FeatureSource) -> tuple[list[Track], list[tuple[Track, str]]]:
        due: list[Track] = []
        refused: list[tuple[Track, str]] = []
        service = service_of(source.name)
        for track in self._pending.values():
            if (service, track.track_id) in self._skipped:
                continue
            if (reason := source.skip_reason(track)) is not None:
                refused.append((track, reason))
            elif not source.remote or is_due(
                self._past_misses.get((track.track_id, source.name)), self._rest, track.isrc
            ):
                due.append(track)
        return due, refused

    def _without_call(self, source: str, refused: Sequence[tuple[Track, str]]) -> Iterator[FetchResult]:
        misses = tuple(FeatureMiss(track.track_id, source, reason, self._at) for track, reason in refused)
        news = self._news(misses)
        if news:
            yield FetchResult(misses=news)

    def _news(self, misses: Sequence[FeatureMiss]) -> tuple[FeatureMiss, ...]:
        """The misses that are new or have a new reason; storing others would only increase their count."""
        return tuple(
            miss
            for miss in misses
            if (earlier := self._past_misses.get((miss.track_id, miss.source))) is None or earlier.reason != miss.reason
        )

    def _fetch(self, source: FeatureSource, request: _Request, batch: Sequence[Track]) -> FetchResult | None:
        try:
            result = request(batch, self._at)
        except UnexpectedPayload as error:
            self._quarantine(source, batch, error)
        except AccessDenied as error:
            if source.denied_for:
                self._deny(service_of(source.name), error)
            else:
                self._stop(source, error)
        except SourceError as error:
            self._stop(source, error)
        else:
            return self._succeeded(source, result)
        return None

    def _succeeded(self, source: FeatureSource, result: FetchResult) -> FetchResult:
        self._unexpected_in_a_row = 0
        self._report.count(source.name, result)
        service = service_of(source.name)
        if source.remote:
            self._report.answered.add(service)
        if service in self._on_probation:
            self._on_probation.remove(service)
            self._availability.mark_available(service)
        self._pending.update((track.track_id, track) for track in result.learned)
        for features in result.found:
            self._pending.pop(features.track_id, None)
        return result if source.remote else replace(result, misses=self._news(result.misses))

    def _quarantine(self, source: FeatureSource, batch: Sequence[Track], error: UnexpectedPayload) -> None:
        log.warning("%s: a response was quarantined: %s; it begins %r", source.name, error.message, error.excerpt)
        track_ids = tuple(track.track_id for track in batch)
        self._report.quarantined.append(QuarantinedResponse(source.name, error.message, error.excerpt, track_ids))
        self._skipped.update((service_of(source.name), track.track_id) for track in batch)
        self._unexpected_in_a_row += 1
        if self._unexpected_in_a_row >= UNEXPECTED_IN_A_ROW:
            self._stop(source, error)

    def _deny(self, service: str, error: AccessDenied) -> None:
        log.info("%s denies access and is not called for a while: %s", service, error.message)
        self._availability.mark_unavailable(service, self._at, error.message)
        self._stopped.add(service)
        self._report.denied.append(StoppedSource(service, error.message))

    def _stop(self, source: FeatureSource, error: SourceError) -> None:
        service = service_of(source.name)
        log.warning("%s is not called for the rest of this run: %s", service, error.message)
        self._stopped.add(service)
        wait_s = getattr(error, "retry_after_s", None)
        self._report.stopped.append(StoppedSource(service, error.message, wait_s))


def _full_batches(source: FeatureSource, tracks: Sequence[Track]) -> Iterator[list[Track]]:
    """``tracks`` in batches of ``batch_size`` distinct lookup keys; tracks with the same key stay together."""
    by_key: dict[str, list[Track]] = {}
    for track in tracks:
        by_key.setdefault(source.lookup_key(track), []).append(track)
    for groups in _pages(list(by_key.values()), source.batch_size):
        yield [track for group in groups for track in group]


def _pages(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _has_code(track: Track) -> bool:
    return normalised_isrc(track.isrc) is not None

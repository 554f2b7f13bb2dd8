"""The walk along the feature sources: in their order, in full batches, nothing asked twice.

Source by source over all tracks that are still without features, because only so every call is a full one. Each batch
is handed out before the next is asked, so that a caller who stores it can be stopped anywhere and resumed.

What a failure means:

* A source that fails (asked to wait, out of quota, down) is left alone for the rest of the run, all its steps with it.
  Its unanswered tracks are *not* misses; the sources after it may answer them, since every source in the list is good
  enough, and what nobody answered is asked again next time.
* A source that denies access is left alone for its ``denied_for``; then one call tries again. Where that is zero, the
  denial is a failure like any other; else it is how the service treats this app, and no trouble of the run.
* An answer that does not fit its contract is set aside whole: its tracks go on to the next service, not to the next
  step of the same one, for they are not missing there. The second such answer in a row stops the service.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mood_core.domain.feature_misses import (
    ANY_SOURCE,
    LATEST_PLAUSIBLE,
    NOT_A_TRACK,
    is_due,
    never_has_features,
    rest_at,
)
from mood_core.domain.records import FeatureMiss
from mood_core.errors import AccessDenied, SourceError, UnexpectedPayload
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FetchResult, service_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mood_core.domain.records import Track
    from mood_core.features.source import FeatureSource, MissHistory, SourceAvailability

UNEXPECTED_IN_A_ROW = 2
"""So many answers in a row that do not fit the contract, and the service has changed rather than slipped."""

log = logging.getLogger(__name__)


def fetch_features(
    tracks: Sequence[Track],
    sources: Sequence[FeatureSource],
    history: MissHistory,
    at: datetime,
    *,
    availability: SourceAvailability,
    report: FetchReport | None = None,
) -> Iterator[FetchResult]:
    """Yield what each batch brought, for ``tracks`` whose features are not stored yet.

    Args:
        tracks: what is asked about; repeated ids are asked once.
        sources: the chain, in order.
        history: the misses remembered; a (track, source) pair that is not due at ``at`` is not asked.
        at: the time of the run, aware UTC; the date of everything found or missed.
        availability: the services that refuse this app.
        report: filled while walking, for the run's summary.

    Yields:
        Results to be stored at once: features found, and misses to remember (the store counts them up).

    Raises:
        InputError: a catalogue file is not what it should be.
    """
    walk = _Walk(tracks, history, at, availability, report if report is not None else FetchReport())
    yield from walk.classify()
    for source in sources:
        yield from walk.ask(source)


def is_denied(source: FeatureSource, availability: SourceAvailability, at: datetime) -> bool:
    """Whether the service of ``source`` has refused this app so lately that it is left alone at ``at``."""
    since = availability.unavailable_since(service_of(source.name))
    return since is not None and since - LATEST_PLAUSIBLE <= at < since + source.denied_for


class _Walk:
    """One run's state: which tracks are still without features, and which services are out."""

    def __init__(
        self,
        tracks: Sequence[Track],
        history: MissHistory,
        at: datetime,
        availability: SourceAvailability,
        report: FetchReport,
    ) -> None:
        self._pending = {track.track_id: track for track in tracks}
        self._past_misses = history.past_misses(tuple(self._pending))
        self._at = at
        self._rest = rest_at(at)
        self._availability = availability
        self._report = report
        self._stopped: set[str] = set()
        self._on_probation: set[str] = set()
        self._withheld: set[tuple[str, str]] = set()
        self._unexpected_in_a_row = 0

    def classify(self) -> Iterator[FetchResult]:
        """Take out the tracks that can never have features; yield those not yet known as such."""
        hopeless = [track for track in self._pending.values() if never_has_features(track)]
        for track in hopeless:
            del self._pending[track.track_id]
        yield from self._without_asking(ANY_SOURCE, [(track, NOT_A_TRACK) for track in hopeless])

    def ask(self, source: FeatureSource) -> Iterator[FetchResult]:
        """Ask ``source`` about every waiting track that is due, batch by batch."""
        service = service_of(source.name)
        if service in self._stopped or not self._access(source):
            return
        due, refused = self._due(source)
        yield from self._without_asking(source.name, refused)
        self._unexpected_in_a_row = 0
        for batch in _full_batches(source, due):
            if service in self._stopped:
                return
            result = self._fetch(source, batch)
            if result is not None and (result.found or result.misses):
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
            if (service, track.track_id) in self._withheld:
                continue
            if (reason := source.cannot_ask(track)) is not None:
                refused.append((track, reason))
            elif not source.remote or is_due(self._past_misses.get((track.track_id, source.name)), self._rest):
                due.append(track)
        return due, refused

    def _without_asking(self, source: str, refused: Sequence[tuple[Track, str]]) -> Iterator[FetchResult]:
        misses = tuple(FeatureMiss(track.track_id, source, reason, self._at) for track, reason in refused)
        news = self._news(misses)
        if news:
            yield FetchResult(misses=news)

    def _news(self, misses: Sequence[FeatureMiss]) -> tuple[FeatureMiss, ...]:
        """The misses that say something new: remembering the others would only count them up."""
        known = self._past_misses
        return tuple(
            miss
            for miss in misses
            if (earlier := known.get((miss.track_id, miss.source))) is None or earlier.reason != miss.reason
        )

    def _fetch(self, source: FeatureSource, batch: Sequence[Track]) -> FetchResult | None:
        try:
            result = source.fetch(batch, self._at)
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
            return self._answered(source, result)
        return None

    def _answered(self, source: FeatureSource, result: FetchResult) -> FetchResult:
        self._unexpected_in_a_row = 0
        self._report.count(source.name, result)
        service = service_of(source.name)
        if service in self._on_probation:
            self._on_probation.remove(service)
            self._availability.mark_available(service)
        for features in result.found:
            self._pending.pop(features.track_id, None)
        return result if source.remote else FetchResult(result.found, self._news(result.misses))

    def _quarantine(self, source: FeatureSource, batch: Sequence[Track], error: UnexpectedPayload) -> None:
        log.warning("%s: an answer was set aside: %s; it begins %r", source.name, error.message, error.excerpt)
        self._report.quarantine(source.name, error, tuple(track.track_id for track in batch))
        self._withheld.update((service_of(source.name), track.track_id) for track in batch)
        self._unexpected_in_a_row += 1
        if self._unexpected_in_a_row >= UNEXPECTED_IN_A_ROW:
            self._stop(source, error)

    def _deny(self, service: str, error: AccessDenied) -> None:
        log.info("%s denies access and is left alone for a while: %s", service, error.message)
        self._availability.mark_unavailable(service, self._at, error.message)
        self._stopped.add(service)
        self._report.deny(service, error)

    def _stop(self, source: FeatureSource, error: SourceError) -> None:
        service = service_of(source.name)
        log.warning("%s is left alone for the rest of this run: %s", service, error.message)
        self._stopped.add(service)
        self._report.stop(service, error)


def _full_batches(source: FeatureSource, tracks: Sequence[Track]) -> Iterator[list[Track]]:
    """``tracks`` in batches of ``batch_size`` distinct questions; those with the same question stay together."""
    by_question: dict[str, list[Track]] = {}
    for track in tracks:
        by_question.setdefault(source.question(track), []).append(track)
    groups = list(by_question.values())
    for start in range(0, len(groups), source.batch_size):
        yield [track for group in groups[start : start + source.batch_size] for track in group]

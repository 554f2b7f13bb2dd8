"""Asks the resolvers in order about each name, without repeating calls.

Each result is yielded before the next call, so that a caller that stores it can stop and resume at any time. A resolver
that fails (rate limit, used-up quota, unavailable) is not called again in this run; its failures are not misses.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mood_core.domain.feature_misses import WAITS_AFTER_MISSES, PastMiss, rest_at
from mood_core.domain.records import Track
from mood_core.errors import SourceError, UnexpectedPayload
from mood_core.resolvers.resolver import (
    DISAGREES,
    FOUND,
    UNKNOWN,
    Name,
    Resolution,
    TrackResolver,
    WantedName,
    completed,
)

PastResults = Mapping[tuple[Name, str], PastMiss]
"""Stored results by (name, resolver)."""

UNEXPECTED_IN_A_ROW = 2
"""Consecutive contract violations after which a resolver is stopped: it has probably changed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NameResult:
    """One result to store: the resolution, and the tracks that it found or completed."""

    resolution: Resolution
    tracks: tuple[Track, ...] = ()


@dataclass(slots=True)
class ResolveReport:
    """Counts of names by resolver, and the reasons why resolvers were stopped.

    ``budget_left`` is the number of calls to Spotify's search that its daily budget has left, if it has one.
    """

    asked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    stopped: dict[str, str] = field(default_factory=dict)
    unexpected_in_a_row: Counter[str] = field(default_factory=Counter)
    budget_left: int | None = None


def resolve(
    wanted: Sequence[WantedName],
    resolvers: Sequence[TrackResolver],
    past: PastResults,
    at: datetime,
    report: ResolveReport,
) -> Iterator[NameResult]:
    """Yield each result about the ``wanted`` names, in their order; the first resolver that finds one ends its search.

    Args:
        wanted: the names, the most important first.
        resolvers: the chain, in order.
        past: stored results; a resolver is not called again before its result is due.
        at: the time of the run, aware UTC; the date of all results.
        report: filled during the calls; resolvers in ``stopped`` are not called.
    """
    for name in wanted:
        stored = {resolver.name: past.get((name.name, resolver.name)) for resolver in resolvers}
        if any(result is not None and result.reason == FOUND and not _is_due(result, at) for result in stored.values()):
            continue  # found before, but no play or track could use it
        for resolver in resolvers:
            if resolver.name in report.stopped or not _is_due(stored[resolver.name], at):
                continue
            result = _ask(name, resolver, at, report)
            if result is not None:
                yield result
            if result is not None and result.resolution.outcome == FOUND:
                break


def _is_due(result: PastMiss | None, at: datetime) -> bool:
    if result is None:
        return True
    count = len(WAITS_AFTER_MISSES) if result.reason == FOUND else result.count
    return not rest_at(at).holds(count, result.missed_at)


def _ask(name: WantedName, resolver: TrackResolver, at: datetime, report: ResolveReport) -> NameResult | None:
    try:
        candidates = resolver.search(name)
        found = [(tracks, resolver.complete(each)) for each, tracks in name.choose(candidates).items()]
    except SourceError as error:
        _failed(resolver.name, error, report)
        return None
    report.asked[resolver.name] += 1
    report.unexpected_in_a_row[resolver.name] = 0
    tracks = tuple(track for stored, each in found if each is not None for track in completed(stored, each))
    if not tracks:
        outcome = DISAGREES if candidates else UNKNOWN
        return NameResult(Resolution(*name.name, resolver.name, outcome, at))
    report.found[resolver.name] += 1
    return NameResult(Resolution(*name.name, resolver.name, FOUND, at, tracks[0].track_id), tracks)


def _failed(resolver: str, error: SourceError, report: ResolveReport) -> None:
    if isinstance(error, UnexpectedPayload):
        report.unexpected_in_a_row[resolver] += 1
        if report.unexpected_in_a_row[resolver] < UNEXPECTED_IN_A_ROW:
            log.warning("%s: a response was not used: %s", resolver, error.message)
            return
    log.warning("%s is not asked for names in the rest of this run: %s", resolver, error.message)
    report.stopped[resolver] = error.message

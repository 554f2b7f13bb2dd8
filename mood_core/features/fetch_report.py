"""Results of calling the chain of sources, for the run's summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mood_core.features.source import FetchResult


@dataclass(frozen=True, slots=True)
class StoppedSource:
    """A ``service`` that is not called for the rest of the run, the reason, and its Retry-After [s].

    In :attr:`FetchReport.stopped` it is a problem of this run; in :attr:`FetchReport.denied` it is an expected denial.
    """

    service: str
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedResponse:
    """A response that violates its contract: it was not used, and the next run looks up its tracks again."""

    source: str
    reason: str
    excerpt: str
    track_ids: tuple[str, ...]


@dataclass(slots=True)
class FetchReport:
    """Counts of tracks by source name, and problems; filled while the sources are called.

    ``answered`` names the remote services that gave at least one valid response.
    """

    requested: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    stopped: list[StoppedSource] = field(default_factory=list)
    denied: list[StoppedSource] = field(default_factory=list)
    quarantined: list[QuarantinedResponse] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)

    @property
    def no_service_answers(self) -> bool:
        """Whether at least one service stopped and no other one answered."""
        return bool(self.stopped) and self.answered <= {stop.service for stop in self.stopped}

    def add(self, other: FetchReport) -> None:
        """Add the counts and problems of ``other``; a service that stopped in both is named once."""
        for name in ("requested", "found", "missed"):
            getattr(self, name).update(getattr(other, name))
        for name in ("stopped", "denied"):
            mine = getattr(self, name)
            named = {one.service for one in mine}
            mine += [one for one in getattr(other, name) if one.service not in named]
        self.quarantined += other.quarantined
        self.answered |= other.answered

    def count(self, source: str, result: FetchResult) -> None:
        """Count the result of one batch of ``source``."""
        self.requested[source] += len(result.found) + len(result.misses)
        self.found[source] += len(result.found)
        self.missed[source] += len(result.misses)

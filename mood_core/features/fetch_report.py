"""What a walk along the chain of sources did, for the run's summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mood_core.errors import AccessDenied, SourceError, UnexpectedPayload
    from mood_core.features.source import FetchResult


@dataclass(frozen=True, slots=True)
class StoppedSource:
    """A ``service`` that is left alone for the rest of the run, why, and for how long it asked to be [s].

    In :attr:`FetchReport.stopped` that is a trouble of this run; in :attr:`FetchReport.denied` it is how the service
    treats this app, which was noted and is no trouble.
    """

    service: str
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedAnswer:
    """An answer that did not fit its contract: nothing of it was used, and its tracks are asked about next time."""

    source: str
    reason: str
    excerpt: str
    track_ids: tuple[str, ...]


@dataclass(slots=True)
class FetchReport:
    """Counts of tracks by source name, and what went wrong. It grows while the chain is walked."""

    asked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    stopped: list[StoppedSource] = field(default_factory=list)
    denied: list[StoppedSource] = field(default_factory=list)
    quarantined: list[QuarantinedAnswer] = field(default_factory=list)

    def count(self, source: str, result: FetchResult) -> None:
        """Add one batch that ``source`` answered."""
        self.asked[source] += len(result.found) + len(result.misses)
        self.found[source] += len(result.found)
        self.missed[source] += len(result.misses)

    def stop(self, service: str, error: SourceError) -> None:
        """Note that ``service`` is left alone because of ``error``."""
        self.stopped.append(StoppedSource(service, error.message, getattr(error, "retry_after_s", None)))

    def deny(self, service: str, error: AccessDenied) -> None:
        """Note that ``service`` does not let this app ask."""
        self.denied.append(StoppedSource(service, error.message))

    def quarantine(self, source: str, error: UnexpectedPayload, track_ids: tuple[str, ...]) -> None:
        """Note an answer of ``source`` that was not used."""
        self.quarantined.append(QuarantinedAnswer(source, error.message, error.excerpt, track_ids))

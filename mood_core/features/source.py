"""What a feature source is, and what the chain asks of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from mood_core.domain.feature_misses import PastMiss
    from mood_core.domain.records import AudioFeatures, FeatureMiss, Track


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of one batch: every track asked stands exactly once, in ``found`` or in ``misses``."""

    found: tuple[AudioFeatures, ...] = ()
    misses: tuple[FeatureMiss, ...] = ()


class FeatureSource(Protocol):
    """One place that may know tracks' audio features.

    Attributes:
        name: ``service`` or ``service:step``. What stops a service stops all its steps; misses are remembered by name.
        batch_size: how many distinct questions one ``fetch`` takes at most.
        remote: whether asking costs calls. What a remote source did not know is remembered and asked again later; a
            local one is looked up every time, so that a newly added file answers at once.
        denied_for: how long the answer "access denied" is believed before one more call tries again; zero where it is
            no settled answer but a trouble of the run.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described in the class
    @property
    def batch_size(self) -> int: ...  # noqa: D102
    @property
    def remote(self) -> bool: ...  # noqa: D102
    @property
    def denied_for(self) -> timedelta: ...  # noqa: D102

    def cannot_ask(self, track: Track) -> str | None:
        """Why this source cannot be asked about ``track`` at all (a reason of a miss), or None."""
        ...

    def question(self, track: Track) -> str:
        """What the source is asked by: tracks with the same question (releases of a recording) share a place."""
        ...

    def fetch(self, tracks: Sequence[Track], at: datetime) -> FetchResult:
        """Ask up to ``batch_size`` questions about distinct ``tracks``; ``at`` (aware UTC) dates found and missed.

        Raises:
            SourceError: the source did not answer; nothing is known about these tracks.
            UnexpectedPayload: it answered what its contract does not allow; nothing of the answer is used.
            InputError: a file of features is not what it should be.
        """
        ...


class MissHistory(Protocol):
    """What is remembered of earlier misses."""

    def past_misses(self, track_ids: Sequence[str]) -> Mapping[tuple[str, str], PastMiss]:
        """The remembered misses of ``track_ids`` by (track id, source name)."""
        ...


class SourceAvailability(Protocol):
    """Which services refuse this app, and since when."""

    def unavailable_since(self, source: str) -> datetime | None:
        """When ``source`` last refused us, or None."""
        ...

    def mark_unavailable(self, source: str, at: datetime, reason: str) -> None:
        """Remember that ``source`` refused us at ``at``."""
        ...

    def mark_available(self, source: str) -> None:
        """Forget that ``source`` ever refused us."""
        ...


def service_of(source_name: str) -> str:
    """The service behind a source's name: ``reccobeats`` of ``reccobeats:isrc``."""
    return source_name.partition(":")[0]

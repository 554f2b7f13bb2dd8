"""Misses: why there are no features, and when a source is asked again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from mood_core.domain.records import TrackKind
from mood_core.domain.spotify_ids import is_safe_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mood_core.domain.records import Track

UNKNOWN = "unknown"
"""The source does not know the track."""
UNUSABLE = "unusable"
"""The source knows the track, but one of the nine values is missing or outside its legal range."""
NO_ISRC = "no_isrc"
"""The source needs a recording code that is not known for the track."""
NOT_A_TRACK = "not_a_track"
"""Nothing can ever have its features: a local file, an episode."""

ANY_SOURCE = "any"
"""The source under which ``NOT_A_TRACK`` stands: it holds for all of them."""

WITHOUT_ASKING = frozenset({NO_ISRC, NOT_A_TRACK})
"""Reasons that were found without asking: once they no longer hold, the source is asked at once."""

ASK_AGAIN_AFTER = tuple(timedelta(days=days) for days in (1, 3, 7, 30, 90))
"""How long to wait after the first, second, ... miss; after the last of them, its interval again and again."""

LATEST_PLAUSIBLE = timedelta(days=1)
"""What is dated further ahead was remembered by a clock that was wrong, and says nothing."""


class PastMiss(Protocol):
    """A source's misses of one track: how many, the last one's date (aware UTC) and reason."""

    @property
    def reason(self) -> str: ...  # noqa: D102 - described in the class
    @property
    def missed_at(self) -> datetime: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102


class NoPastMisses:
    """A history without misses: with it, every source is asked."""

    def past_misses(self, track_ids: Sequence[str]) -> Mapping[tuple[str, str], PastMiss]:  # noqa: ARG002
        """No miss at all."""
        return {}


@dataclass(frozen=True, slots=True)
class Rest:
    """Which misses keep their source from being asked at one moment, told by the last one's date (aware UTC).

    Attributes:
        after: a date for one miss, for two, ...; the last one for that many and more. Only later misses rest.
        until: only misses up to here rest.
    """

    after: tuple[datetime, ...]
    until: datetime

    def holds(self, count: int, missed_at: datetime) -> bool:
        """Whether ``count`` (1 or more) misses, the last at ``missed_at``, are too fresh to ask again."""
        position = min(max(count, 1), len(self.after)) - 1
        return self.after[position] < missed_at <= self.until


def rest_at(at: datetime) -> Rest:
    """Which misses rest at ``at``."""
    return Rest(tuple(at - wait for wait in ASK_AGAIN_AFTER), at + LATEST_PLAUSIBLE)


def is_due(miss: PastMiss | None, rest: Rest) -> bool:
    """Whether a source may be asked at the moment of ``rest``, given what is remembered of its misses of the track."""
    return miss is None or miss.reason in WITHOUT_ASKING or not rest.holds(miss.count, miss.missed_at)


def never_has_features(track: Track) -> bool:
    """Whether no source can ever know ``track``: it is a local file, an episode, or its id is not one of Spotify's."""
    # Ids go into a comma-separated list: anything else in one would change its neighbours.
    return track.kind is not TrackKind.TRACK or not is_safe_id(track.track_id)

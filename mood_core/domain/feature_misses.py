"""Feature misses: why a track has no features, and when its source is called again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mood_core.domain.recordings import is_recording_id
from mood_core.domain.records import Track, TrackKind
from mood_core.domain.spotify_ids import is_safe_id

UNKNOWN = "unknown"
"""The source does not know the track."""
UNUSABLE = "unusable"
"""The source knows the track, but a required value is missing or outside its valid range."""
OTHER_DURATION = "other_duration"
"""The source knows a recording with the track's ISRC, but of another duration: labels reuse codes."""
NO_ISRC = "no_isrc"
"""The source needs an ISRC that neither the store nor the source itself knows for the track."""
NO_SPOTIFY_ID = "no_spotify_id"
"""The source needs a Spotify id, but the recording is known by its ISRC only."""
NOT_A_TRACK = "not_a_track"
"""No source can have features for it: a local file or an episode."""

ANY_SOURCE = "any"
"""The source name of ``NOT_A_TRACK`` misses, which hold for every source."""

WITHOUT_CALL = frozenset({NO_SPOTIFY_ID, NOT_A_TRACK})
"""Reasons found without calling the source: as soon as they no longer hold, the source is called."""

WAITS_AFTER_MISSES = tuple(timedelta(days=days) for days in (1, 3, 7, 30, 90))
"""Wait after the first, second, ... miss. The last interval repeats."""

LATEST_PLAUSIBLE = timedelta(days=1)
"""Dates further in the future come from a wrong clock and are ignored."""


@dataclass(frozen=True, slots=True)
class PastMiss:
    """A source's misses of one track: the last one's reason and date (aware UTC), and their count."""

    reason: str
    missed_at: datetime
    count: int


PastMisses = Mapping[tuple[str, str], PastMiss]
"""Past misses by (track id, source name)."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Which misses are too recent to call their source again at one point in time.

    Attributes:
        after: aware UTC dates for one miss, two misses, ...; the last for that many and more. Later misses rest.
        until: latest date (aware UTC) of a miss that rests.
    """

    after: tuple[datetime, ...]
    until: datetime

    def holds(self, count: int, missed_at: datetime) -> bool:
        """Whether ``count`` (1 or more) misses, the last at ``missed_at``, are too recent to call again."""
        position = min(max(count, 1), len(self.after)) - 1
        return self.after[position] < missed_at <= self.until


def rest_at(at: datetime) -> Rest:
    """The :class:`Rest` at the time ``at``."""
    return Rest(tuple(at - wait for wait in WAITS_AFTER_MISSES), at + LATEST_PLAUSIBLE)


def is_due(miss: PastMiss | None, rest: Rest, isrc: str | None = None) -> bool:
    """Whether a source may be called at the time of ``rest``, given its past misses of a track with ``isrc``."""
    if miss is None or miss.reason in WITHOUT_CALL or (miss.reason == NO_ISRC and isrc is not None):
        return True
    return not rest.holds(miss.count, miss.missed_at)


def never_has_features(track: Track) -> bool:
    """Whether no source can know ``track``: it is a local file, an episode, or has neither a Spotify id nor an ISRC."""
    if track.kind is not TrackKind.TRACK:
        return True
    # Ids are sent as a comma-separated list: another character would change the neighbouring ids.
    return not is_safe_id(track.track_id) and not (is_recording_id(track.track_id) and track.isrc)

"""What the plays of a recording show of its duration. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mood_core.domain.recordings import durations_agree

PLAYED_TO_THE_END = "trackdone"
"""Spotify's ``reason_end`` of a play that the end of the recording ended."""


class PlayCount(NamedTuple):
    """How many plays lasted ``ms_played``, and why they ended; None if it is not known."""

    ms_played: int
    reason_end: str | None
    plays: int


@dataclass(frozen=True, slots=True)
class KnownLength:
    """What is known of a recording's duration [ms]: the duration, else that it is not shorter than its plays."""

    duration_ms: float | None = None
    at_least_ms: float | None = None

    def allows(self, duration_ms: float | None) -> bool:
        """Whether a recording of ``duration_ms`` may be the played one; an unknown duration always may."""
        if duration_ms is None or self.at_least_ms is None:
            return durations_agree(duration_ms, self.duration_ms)
        return duration_ms >= self.at_least_ms or durations_agree(duration_ms, self.at_least_ms)

    def confirms(self, duration_ms: float | None) -> bool:
        """Whether plays lasted as long as a recording of ``duration_ms``."""
        known = self.at_least_ms if self.duration_ms is None else self.duration_ms
        return duration_ms is not None and known is not None and durations_agree(duration_ms, known)


UNKNOWN_LENGTH = KnownLength()


def length_of_plays(counts: Iterable[PlayCount]) -> KnownLength:
    """The duration that most plays to the end have, if at least two have it; else the limit that the plays set."""
    plays = list(counts)
    complete = [each for each in plays if each.reason_end == PLAYED_TO_THE_END]
    most = max(complete, key=lambda each: (each.plays, each.ms_played), default=None)
    if most is not None and most.plays > 1 and most.ms_played > 0:
        return KnownLength(duration_ms=most.ms_played)
    repeated = [each.ms_played for each in plays if each.plays > 1]
    return length_of_longest(max((each.ms_played for each in plays), default=None), max(repeated, default=None))


def length_of_longest(longest_ms: int | None, repeated_ms: int | None) -> KnownLength:
    """The limit that the longest play and the longest duration of several plays set.

    A single play that is longer than repeated ones was probably rewound; but repeated short plays may be previews.
    """
    if longest_ms is not None and repeated_ms is not None and repeated_ms * 2 > longest_ms:
        return KnownLength(at_least_ms=repeated_ms)
    return KnownLength(at_least_ms=longest_ms)

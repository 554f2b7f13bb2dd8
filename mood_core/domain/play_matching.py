"""Whether two records describe the same play: how polled listens and both forms of an export are deduplicated. Pure.

``played_at`` is the time that the source reports: exports report the end of the play (to the second, or to the minute
in the account data), polling reports its end or its start. The rules:

* A polled listen and a row of an export match when the polled time is within the play or at most
  :data:`TOLERANCE_MS` outside it.
* The two forms of an export match when the second is within the minute, with half a minute of tolerance for rounding,
  and both have the same duration.
* Two rows of one source match only when they are equal.
* Account data from early 2018 has no play durations. Such a row is compared like a polled listen, also with other rows
  of account data, and after all other rows have been matched.

Matching is one to one, in chronological order, per track and person: a track that plays in a loop keeps one listen per
repetition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mood_core.domain.records import ListenSource

TOLERANCE_MS = 30_000
"""Tolerance for clock differences and rounding, ms."""

SAME_LENGTH_MS = 2_000
"""Largest difference between two reported durations of one play, ms."""

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Play:
    """A play as one source reports it. ``at_ms``: ``played_at`` in ms since 1970; ``ms_played`` may be unknown."""

    at_ms: int
    ms_played: int | None
    source: ListenSource

    @property
    def has_length(self) -> bool:
        """False for account data without a duration. Polled listens never have one and are compared by their rule."""
        return self.ms_played is not None or self.source is not ListenSource.ACCOUNT_DATA


def same_listen(one: Play, other: Play) -> bool:
    """Whether both records, of one track and one person, describe the same play."""
    if one.source is other.source and one.has_length is other.has_length:
        return one.at_ms == other.at_ms and one.ms_played == other.ms_played
    if not (one.has_length and other.has_length):
        without, with_length = (other, one) if one.has_length else (one, other)
        return _earliest(with_length) <= without.at_ms <= _latest(with_length)
    if ListenSource.RECENTLY_PLAYED in (one.source, other.source):
        polled, exported = (one, other) if one.source is ListenSource.RECENTLY_PLAYED else (other, one)
        return _earliest(exported) <= polled.at_ms <= _latest(exported)
    minute, second = (one, other) if one.source is ListenSource.ACCOUNT_DATA else (other, one)
    in_minute = -_MINUTE_MS // 2 <= second.at_ms - minute.at_ms < _MINUTE_MS * 3 // 2
    return in_minute and abs((one.ms_played or 0) - (other.ms_played or 0)) <= SAME_LENGTH_MS


def pair(stored: Iterable[Play], incoming: Sequence[Play]) -> list[Play | None]:
    """Return, for each of ``incoming``, the stored play that it repeats, or None. Each stored play is used once.

    All plays are of one track and one person. Exact duplicates are matched first. A play without a duration may also
    repeat one of ``incoming``.
    """
    pool = sorted(stored, key=_order)
    with_length = [index for index, play in enumerate(incoming) if play.has_length]
    without = [index for index, play in enumerate(incoming) if not play.has_length]
    matches: list[Play | None] = [None] * len(incoming)
    found = _pair(pool, [incoming[index] for index in with_length])
    for index, place in zip(with_length, found, strict=True):
        matches[index] = None if place is None else pool[place]
    if without:
        taken = set(found)  # their incoming match represents them
        left = [incoming[index] for index in with_length]
        left += [play for place, play in enumerate(pool) if place not in taken]
        left.sort(key=_order)
        for index, place in zip(without, _pair(left, [incoming[index] for index in without]), strict=True):
            matches[index] = None if place is None else left[place]
    return matches


def _pair(pool: Sequence[Play], incoming: Sequence[Play]) -> list[int | None]:
    """Return, for each of ``incoming``, the index in ``pool`` (sorted by time) of the play that it repeats, or None."""
    used = [False] * len(pool)
    times = [play.at_ms for play in pool]
    places: list[int | None] = [None] * len(incoming)
    longest = max((play.ms_played or 0 for play in (*pool, *incoming)), default=0) + 2 * _MINUTE_MS
    order = sorted(range(len(incoming)), key=lambda index: _order(incoming[index]))
    all_have_length = all(play.has_length for play in (*pool, *incoming))
    for may_repeat in (_is_exact, same_listen) if all_have_length else (_is_exact, _same_with_length, same_listen):
        for index in order:
            if places[index] is not None:
                continue
            play = incoming[index]
            for candidate in range(bisect_left(times, play.at_ms - longest), len(pool)):
                if times[candidate] > play.at_ms + longest:
                    break
                if not used[candidate] and may_repeat(pool[candidate], play):
                    used[candidate], places[index] = True, candidate
                    break
    return places


def _is_exact(one: Play, other: Play) -> bool:
    return one.source is other.source and one.ms_played == other.ms_played and one.at_ms == other.at_ms


def _same_with_length(one: Play, other: Play) -> bool:
    return one.has_length and other.has_length and same_listen(one, other)


def already_stored(incoming: Sequence[tuple[str, Play]], stored: Iterable[tuple[str, Play]]) -> list[bool]:
    """Return, for each (track id, play) of ``incoming``, whether ``stored`` has that play already."""
    known: dict[str, list[Play]] = defaultdict(list)
    for track_id, play in stored:
        known[track_id].append(play)
    by_track: dict[str, list[int]] = defaultdict(list)
    for index, (track_id, _) in enumerate(incoming):
        by_track[track_id].append(index)
    result = [False] * len(incoming)
    for track_id, indexes in by_track.items():
        matches = pair(known.get(track_id, ()), [incoming[index][1] for index in indexes])
        for index, match in zip(indexes, matches, strict=True):
            result[index] = match is not None
    return result


def _earliest(exported: Play) -> int:
    return exported.at_ms - (exported.ms_played or 0) - TOLERANCE_MS


def _latest(exported: Play) -> int:
    within = _MINUTE_MS if exported.source is ListenSource.ACCOUNT_DATA else 1000
    return exported.at_ms + within + TOLERANCE_MS


def _order(play: Play) -> tuple[int, int, str]:
    return play.at_ms, play.ms_played or 0, play.source

"""Whether two rows tell of one play: the rule by which polled listens and both forms of an export become one. Pure.

``played_at`` is the time that was reported: the end of the play in both forms of an export (to the second, or to the
minute in the account data), and its end or its start when it was polled. So a polled listen and a row of an export are
the same play when the polled time lies within the play or at most :data:`TOLERANCE_MS` beside it. The two forms of an
export are the same play when the second lies in the minute, give or take half a minute for rounding, and both were
heard equally long. Two rows of one source are the same play only when they are the same row.

The account data of early 2018 tells no lengths. Such a row is compared as a polled listen is, with the other rows of
account data as well: it is the same play when its time lies within the other one or at most :data:`TOLERANCE_MS` beside
it. It comes last, when the others have found their partners.

Matching is one to one, in the order of time, for each track of each person: a track that runs in a loop keeps a listen
for every time it ran.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mood_core.domain.records import ListenSource

TOLERANCE_MS = 30_000
"""How far clocks and roundings may lie apart, ms."""

SAME_LENGTH_MS = 2_000
"""How far two lengths of one play may lie apart, ms."""

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Play:
    """A play as one source tells of it. ``at_ms``: ``played_at`` in ms since 1970; ``ms_played`` may be unknown."""

    at_ms: int
    ms_played: int | None
    source: ListenSource

    @property
    def is_vague(self) -> bool:
        """Whether it is a row of account data that tells no length."""
        return self.ms_played is None and self.source is ListenSource.ACCOUNT_DATA


def same_listen(one: Play, other: Play) -> bool:
    """Whether both tell of the same play of one track by one person."""
    if one.source is other.source and one.is_vague is other.is_vague:
        return one.at_ms == other.at_ms and one.ms_played == other.ms_played
    if one.is_vague or other.is_vague:
        vague, told = (one, other) if one.is_vague else (other, one)
        return _earliest(told) <= vague.at_ms <= _latest(told)
    if ListenSource.RECENTLY_PLAYED in (one.source, other.source):
        polled, exported = (one, other) if one.source is ListenSource.RECENTLY_PLAYED else (other, one)
        return _earliest(exported) <= polled.at_ms <= _latest(exported)
    minute, second = (one, other) if one.source is ListenSource.ACCOUNT_DATA else (other, one)
    in_minute = -_MINUTE_MS // 2 <= second.at_ms - minute.at_ms < _MINUTE_MS * 3 // 2
    return in_minute and abs((one.ms_played or 0) - (other.ms_played or 0)) <= SAME_LENGTH_MS


def pair(stored: Iterable[Play], incoming: Sequence[Play]) -> list[Play | None]:
    """For each of ``incoming``, the stored play that it repeats, or None. Each stored play is used once.

    All plays are of one track and one person. Exact repetitions are found first. What tells no length may repeat one of
    ``incoming`` as well.
    """
    pool = sorted(stored, key=_order)
    sure = [index for index, play in enumerate(incoming) if not play.is_vague]
    vague = [index for index, play in enumerate(incoming) if play.is_vague]
    partners: list[Play | None] = [None] * len(incoming)
    found = _pair(pool, [incoming[index] for index in sure])
    for index, place in zip(sure, found, strict=True):
        partners[index] = None if place is None else pool[place]
    if vague:
        # Who found a partner stands for both.
        taken = set(found)
        left = [incoming[index] for index in sure] + [play for place, play in enumerate(pool) if place not in taken]
        left.sort(key=_order)
        for index, place in zip(vague, _pair(left, [incoming[index] for index in vague]), strict=True):
            partners[index] = None if place is None else left[place]
    return partners


def _pair(pool: Sequence[Play], incoming: Sequence[Play]) -> list[int | None]:
    """For each of ``incoming`` the place in ``pool``, which is in the order of time, of the play that it repeats."""
    used = [False] * len(pool)
    times = [play.at_ms for play in pool]
    places: list[int | None] = [None] * len(incoming)
    longest = max((play.ms_played or 0 for play in (*pool, *incoming)), default=0) + 2 * _MINUTE_MS
    order = sorted(range(len(incoming)), key=lambda index: _order(incoming[index]))
    has_vague = any(play.is_vague for play in (*pool, *incoming))
    for may_repeat in (_is_exact, _are_sure, same_listen) if has_vague else (_is_exact, same_listen):
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


def _are_sure(one: Play, other: Play) -> bool:
    return not (one.is_vague or other.is_vague) and same_listen(one, other)


def already_stored(incoming: Sequence[tuple[str, Play]], stored: Iterable[tuple[str, Play]]) -> list[bool]:
    """For each (track id, play) of ``incoming``, whether one of ``stored`` tells of it already."""
    known: dict[str, list[Play]] = defaultdict(list)
    for track_id, play in stored:
        known[track_id].append(play)
    by_track: dict[str, list[int]] = defaultdict(list)
    for index, (track_id, _) in enumerate(incoming):
        by_track[track_id].append(index)
    result = [False] * len(incoming)
    for track_id, indexes in by_track.items():
        partners = pair(known.get(track_id, ()), [incoming[index][1] for index in indexes])
        for index, partner in zip(indexes, partners, strict=True):
            result[index] = partner is not None
    return result


def _earliest(exported: Play) -> int:
    return exported.at_ms - (exported.ms_played or 0) - TOLERANCE_MS


def _latest(exported: Play) -> int:
    within = _MINUTE_MS if exported.source is ListenSource.ACCOUNT_DATA else 1000
    return exported.at_ms + within + TOLERANCE_MS


def _order(play: Play) -> tuple[int, int, str]:
    return play.at_ms, play.ms_played or 0, play.source

"""Matches the records of plays of two sources, one to one, by the rules of :mod:`mood_core.domain.play_rules`. Pure.

Matching is in chronological order, and stricter rules come first; where scrobbles are among the records, or records of
both sides are left over, as many as possible match, and of those the nearest. Items of one window and rows of one
export are different plays, so a song that plays in a loop keeps one listen per repetition.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from mood_core.domain.play_rules import (
    MINUTE_MS,
    REVISED_MS,
    SCROBBLED,
    TOLERANCE_MS,
    Play,
    distance,
    revised,
    same_listen,
    same_start,
)

Rule = Callable[[Play, Play], bool]
"""Whether a stored play (first) and an incoming one may be the same."""


def align(stored: Sequence[Play], incoming: Sequence[Play], may_repeat: Rule) -> list[int | None]:
    """Return, for each of ``incoming``, the index in ``stored`` of what it repeats; both are in chronological order.

    Of all pairs in that order, these are as many as possible, and then those with the least differences of time.
    """
    best = [[(0, 0)] * (len(stored) + 1) for _ in range(len(incoming) + 1)]
    for i, play in enumerate(incoming, 1):
        for j, other in enumerate(stored, 1):
            best[i][j] = max(best[i - 1][j], best[i][j - 1])
            if may_repeat(other, play):
                pairs, closeness = best[i - 1][j - 1]
                best[i][j] = max(best[i][j], (pairs + 1, closeness - distance(other, play)))
    places: list[int | None] = [None] * len(incoming)
    j = len(stored)
    for i in range(len(incoming), 0, -1):
        while j and best[i][j] == best[i][j - 1]:
            j -= 1
        if best[i][j] != best[i - 1][j]:
            places[i - 1], j = j - 1, j - 1
    return places


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
    longest = max((play.ms_played or play.duration_ms or 0 for play in (*pool, *incoming)), default=0)
    longest += REVISED_MS + TOLERANCE_MS + MINUTE_MS
    order = sorted(range(len(incoming)), key=lambda index: _order(incoming[index]))
    all_have_length = all(play.has_length for play in (*pool, *incoming))
    is_scrobbled = any(play.source in SCROBBLED for play in (*pool, *incoming))
    rules = (same_listen, revised) if all_have_length else (_same_with_length, same_listen, revised)
    for may_repeat in (_is_exact,) if is_scrobbled else (_is_exact, *rules):
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
    if is_scrobbled:
        _align_left(pool, [place for place, is_used in enumerate(used) if not is_used], incoming, places, longest)
    elif not all(used) and None in places:
        _align_again(pool, used, incoming, places, longest)
    return places


def _align_again(
    pool: Sequence[Play], used: Sequence[bool], incoming: Sequence[Play], places: list[int | None], longest: int
) -> None:
    """Match again where records of both sides are left over, if more of them match then: a revised loop of a song."""
    for near, some in _clusters(pool, range(len(pool)), incoming, range(len(incoming)), longest):
        matched = [places[index] is not None for index in some]
        if all(matched) or all(used[place] for place in near):
            continue
        found = align([pool[place] for place in near], [incoming[index] for index in some], _may_repeat)
        if len(found) - found.count(None) > sum(matched):
            for index, place in zip(some, found, strict=True):
                places[index] = None if place is None else near[place]


def _align_left(
    pool: Sequence[Play], free: Sequence[int], incoming: Sequence[Play], places: list[int | None], longest: int
) -> None:
    """Match what is left of ``incoming`` with the ``free`` places of ``pool``; adds to ``places``."""
    left = [index for index, place in enumerate(places) if place is None]
    for near, some in _clusters(pool, free, incoming, left, longest):
        found = align([pool[place] for place in near], [incoming[index] for index in some], _may_repeat)
        for index, place in zip(some, found, strict=True):
            places[index] = None if place is None else near[place]


def _may_repeat(one: Play, other: Play) -> bool:
    return same_start(one, other) or same_listen(one, other) or revised(one, other)


def _clusters(
    pool: Sequence[Play], free: Sequence[int], incoming: Sequence[Play], left: Sequence[int], longest: int
) -> Iterator[tuple[list[int], list[int]]]:
    """The ``free`` places of ``pool`` and the indexes ``left`` of ``incoming``, split at pauses of ``longest`` ms."""
    items = sorted([(pool[place].at_ms, 0, place) for place in free] + [(incoming[i].at_ms, 1, i) for i in left])
    cluster: tuple[list[int], list[int]] = ([], [])
    last_ms = items[0][0] if items else 0
    for at_ms, side, index in items:
        if at_ms - last_ms > longest:
            yield cluster
            cluster = ([], [])
        cluster[side].append(index)
        last_ms = at_ms
    yield cluster


def _is_exact(one: Play, other: Play) -> bool:
    return one.source is other.source and one.ms_played == other.ms_played and one.at_ms == other.at_ms


def _same_with_length(one: Play, other: Play) -> bool:
    return one.has_length and other.has_length and same_listen(one, other)


def matches_by_song(incoming: Sequence[tuple[str, Play]], stored: Iterable[tuple[str, Play]]) -> list[Play | None]:
    """Return, for each (song, play) of ``incoming``, the play of ``stored`` that it repeats, or None."""
    known: dict[str, list[Play]] = defaultdict(list)
    for song, play in stored:
        known[song].append(play)
    by_song: dict[str, list[int]] = defaultdict(list)
    for index, (song, _) in enumerate(incoming):
        by_song[song].append(index)
    result: list[Play | None] = [None] * len(incoming)
    for song, indexes in by_song.items():
        for index, match in zip(
            indexes, pair(known.get(song, ()), [incoming[each][1] for each in indexes]), strict=True
        ):
            result[index] = match
    return result


def _order(play: Play) -> tuple[int, int, str]:
    return play.at_ms, play.ms_played or 0, play.source

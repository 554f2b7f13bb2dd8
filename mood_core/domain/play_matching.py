"""Whether two records describe the same play: how listens from all sources are deduplicated. Pure.

``played_at`` is the time that the source reports. It is the end of the play in exports (to the second, or to the minute
in the account data), and its end or its start in polling. The rules compare records of one song and one person:

1. A polled listen and a row of an export match when the polled time is within the play or at most
   :data:`TOLERANCE_MS` outside it.
2. The two forms of an export match when the second is within the minute, with half a minute of tolerance for rounding,
   and both have the same duration.
3. Two rows of one form of an export match when they are equal.
4. A second play of a song cannot begin while the first one runs. So rows of exports that are left over match when they
   have the same duration and the plays overlap by more than the rounding of their times: the time was revised.
5. Two polled listens match when they are equal. Spotify also revises the times and ids of its window. So a stored
   listen that the window must contain, but does not, matches an item that is left over when both times are at most the
   duration of the song, or :data:`REVISED_MS`, apart. The same holds for the stored play of an export that the window
   must contain, and for the stored polled listen that an export must contain.
6. A scrobble (ListenBrainz, Last.fm) is dated by its start, but ListenBrainz's own import from Spotify by Spotify's
   time, and pauses are not known. So it matches a row of an export like a polled listen does, and a polled listen or a
   scrobble of the other service as in rule 5. Equal starts or ends suffice: :func:`same_start`. Two scrobbles of one
   service can be one play by :func:`scrobbled_twice`.
7. Account data from early 2018 has no play durations. Such a row is compared like a polled listen, also with other rows
   of account data, and after all other rows have been matched.

Matching is one to one and in chronological order, and stricter rules come first; where scrobbles are among the records,
or records of both sides are left over, as many as possible match, and of those the nearest. Items of one window and
rows of one export are different plays, so a song that plays in a loop keeps one listen per repetition. Songs are
compared by track id, else by ISRC, else by artist and title: :func:`~mood_core.domain.recordings.songs_of`.

What a source reports is known only to :func:`_span` and :data:`_ROUNDING_MS`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mood_core.domain.records import ListenSource

TOLERANCE_MS = 30_000
"""Tolerance for clock differences and rounding, ms."""

SAME_LENGTH_MS = 2_000
"""Largest difference between two reported durations of one play, ms."""

REVISED_MS = 180_000
"""Times of a window are revised by up to this, ms, or by the duration of the song if that is longer."""

MINUTE_MS = 60_000
"""Times in account data are rounded down to the minute."""

Rule = Callable[["Play", "Play"], bool]
"""Whether a stored play (first) and an incoming one may be the same."""

SCROBBLED = frozenset((ListenSource.LISTENBRAINZ, ListenSource.LASTFM))
"""The sources of scrobbles."""

_IS_EXPORTED = frozenset((ListenSource.EXTENDED_HISTORY, ListenSource.ACCOUNT_DATA))
_SHORTEST_SHOWN_MS = 30_000  # polling shows no shorter plays
_ROUNDING_MS = {
    ListenSource.RECENTLY_PLAYED: 1_000,
    ListenSource.EXTENDED_HISTORY: 1_000,
    ListenSource.ACCOUNT_DATA: MINUTE_MS,
    ListenSource.LISTENBRAINZ: 1_000,
    ListenSource.LASTFM: 1_000,
}
"""How much later than reported a play may have ended, ms."""


@dataclass(frozen=True, slots=True)
class Play:
    """A play as one source reports it. ``at_ms``: ``played_at`` in ms since 1970; ``ms_played`` may be unknown.

    ``duration_ms`` is the duration of the recording, if known. ``expected``: a stored play that the other source must
    contain, because it covers that time.
    """

    at_ms: int
    ms_played: int | None
    source: ListenSource
    duration_ms: int | None = field(default=None, compare=False)
    expected: bool = field(default=False, compare=False)

    @property
    def has_length(self) -> bool:
        """False for account data without a duration. Polled listens never have one and are compared by their rule."""
        return self.ms_played is not None or self.source is not ListenSource.ACCOUNT_DATA


def same_listen(one: Play, other: Play) -> bool:
    """Whether both records, of one song and one person, describe the same play: rules 1, 2, 3, 6 and 7."""
    if _is_scrobble_of_other(one, other):
        return _same_as_scrobble(one, other) if one.source in SCROBBLED else _same_as_scrobble(other, one)
    if one.source is other.source and one.has_length is other.has_length:
        return one.at_ms == other.at_ms and one.ms_played == other.ms_played
    if not (one.has_length and other.has_length):
        return _within(other, one) if one.has_length else _within(one, other)
    if ListenSource.RECENTLY_PLAYED in (one.source, other.source):
        return _within(one, other) if one.source is ListenSource.RECENTLY_PLAYED else _within(other, one)
    minute, second = (one, other) if one.source is ListenSource.ACCOUNT_DATA else (other, one)
    in_minute = -MINUTE_MS // 2 <= second.at_ms - minute.at_ms < MINUTE_MS * 3 // 2
    return in_minute and _same_length(one, other)


def revised(one: Play, other: Play) -> bool:
    """Whether the time of one record can be a revision of the other's: rules 4 and 5, for records that are left over.

    Give only those polled listens that the other window must contain, but does not.
    """
    if one.source is other.source is ListenSource.RECENTLY_PLAYED:
        return _apart(one, other) <= _revision(one, other)
    if ListenSource.RECENTLY_PLAYED in (one.source, other.source):
        polled, play = (one, other) if one.source is ListenSource.RECENTLY_PLAYED else (other, one)
        is_shown = play.source in _IS_EXPORTED and (play.ms_played or 0) >= _SHORTEST_SHOWN_MS
        return is_shown and (one.expected or other.expected) and _within(polled, play, _revision(one, other))
    if one.ms_played is None or other.ms_played is None or not _same_length(one, other):
        return False
    rounding = max(_ROUNDING_MS[one.source], _ROUNDING_MS[other.source])
    return _apart(one, other) + rounding < min(one.ms_played, other.ms_played)


def same_start(one: Play, other: Play) -> bool:
    """Whether a scrobble and a record of another source describe plays that start, or end, at about the same time."""
    return _is_scrobble_of_other(one, other) and _distance(one, other) <= TOLERANCE_MS


def scrobbled_twice(one: Play, other: Play) -> bool:
    """Whether two scrobbles of a song at one service are one play: shorter plays than the tolerance do not count."""
    return _apart(one, other) < TOLERANCE_MS


def overlapping(one: Play, other: Play) -> bool:
    """Whether two polled listens are too close to be two full plays of the song."""
    return _apart(one, other) < _duration(one, other)


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
                best[i][j] = max(best[i][j], (pairs + 1, closeness - _distance(other, play)))
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
        _align_anew(pool, used, incoming, places, longest)
    return places


def _align_anew(
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


def _is_scrobble_of_other(one: Play, other: Play) -> bool:
    return one.source is not other.source and not SCROBBLED.isdisjoint((one.source, other.source))


def _distance(one: Play, other: Play) -> int:
    """The difference of the starts or of the ends of two plays, ms, whichever is less; without both, that of times."""
    if not _is_scrobble_of_other(one, other):
        return _apart(one, other)
    known = [each.duration_ms for each in (one, other) if each.duration_ms]
    (start, end), (other_start, other_end) = (_start_and_end(each, min(known, default=None)) for each in (one, other))
    if end is None or other_end is None:
        return abs(start - other_start)
    return min(abs(start - other_start), abs(end - other_end))


def _start_and_end(play: Play, duration_ms: int | None) -> tuple[int, int | None]:
    """When ``play`` started and ended, ms since 1970; None if unknown. The time of a polled listen is either."""
    if play.source in _IS_EXPORTED:
        return play.at_ms - (play.ms_played or 0), play.at_ms
    if play.source is ListenSource.RECENTLY_PLAYED:
        return play.at_ms, play.at_ms
    return play.at_ms, None if duration_ms is None else play.at_ms + duration_ms


def _same_as_scrobble(scrobble: Play, other: Play) -> bool:
    if other.source in _IS_EXPORTED and other.ms_played is not None:
        return _within(scrobble, other)
    return _apart(scrobble, other) <= _revision(scrobble, other)


def _within(point: Play, play: Play, tolerance_ms: int = TOLERANCE_MS) -> bool:
    """Whether the time of ``point`` is within ``play``, with tolerance."""
    earliest, latest = _span(play)
    return earliest - tolerance_ms <= point.at_ms <= latest + tolerance_ms


def _span(play: Play) -> tuple[int, int]:
    """The time in which ``play`` ran, ms since 1970: it ended at the reported time."""
    return play.at_ms - (play.ms_played or 0), play.at_ms + _ROUNDING_MS[play.source]


def _apart(one: Play, other: Play) -> int:
    return abs(one.at_ms - other.at_ms)


def _same_length(one: Play, other: Play) -> bool:
    return abs((one.ms_played or 0) - (other.ms_played or 0)) <= SAME_LENGTH_MS


def _duration(one: Play, other: Play) -> int:
    """The shorter known duration of two recordings of a song, ms."""
    return min((each.duration_ms for each in (one, other) if each.duration_ms), default=TOLERANCE_MS)


def _revision(one: Play, other: Play) -> int:
    """By how much the time of a play can be revised, ms."""
    return max(_duration(one, other), REVISED_MS) + TOLERANCE_MS


def _order(play: Play) -> tuple[int, int, str]:
    return play.at_ms, play.ms_played or 0, play.source

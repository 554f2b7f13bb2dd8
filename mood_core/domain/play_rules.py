"""Whether two records describe the same play: the rules by which listens from all sources are deduplicated. Pure.

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
7. Account data from early 2018 has no play durations. Such a row is compared like a polled listen, even with other rows
   of account data, and after all other rows have been matched.

Songs are compared by track id, else by ISRC, else by artist and title: :func:`~mood_core.domain.recordings.songs_of`.
:mod:`mood_core.domain.play_matching` applies the rules to many records.

What a source reports is known only to :func:`_span` and :data:`_ROUNDING_MS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mood_core.domain.records import ListenSource, Service

TOLERANCE_MS = 30_000
"""Tolerance for clock differences and rounding, ms."""

SAME_LENGTH_MS = 2_000
"""Largest difference between two reported durations of one play, ms."""

REVISED_MS = 180_000
"""Times of a window are revised by up to this, ms, or by the duration of the song if that is longer."""

MINUTE_MS = 60_000
"""Times in account data are rounded down to the minute."""

SCROBBLED = frozenset(ListenSource(service) for service in Service if service is not Service.SPOTIFY)
"""The sources of scrobbles."""

_IS_EXPORTED = frozenset((ListenSource.EXTENDED_HISTORY, ListenSource.ACCOUNT_DATA))
_SHORTEST_SHOWN_MS = 30_000  # polling shows no shorter plays
_ROUNDING_MS = dict.fromkeys(ListenSource, 1_000) | {ListenSource.ACCOUNT_DATA: MINUTE_MS}
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
    return _is_scrobble_of_other(one, other) and distance(one, other) <= TOLERANCE_MS


def scrobbled_twice(one: Play, other: Play) -> bool:
    """Whether two scrobbles of a song at one service are one play: shorter plays than the tolerance do not count."""
    return _apart(one, other) < TOLERANCE_MS


def overlapping(one: Play, other: Play) -> bool:
    """Whether two polled listens are too close to be two full plays of the song."""
    return _apart(one, other) < _duration(one, other)


def _is_scrobble_of_other(one: Play, other: Play) -> bool:
    return one.source is not other.source and not SCROBBLED.isdisjoint((one.source, other.source))


def distance(one: Play, other: Play) -> int:
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

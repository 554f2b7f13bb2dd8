"""Plays of an export as columns, and comparisons of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.play_matching import pair
from mood_core.domain.play_rules import Play
from mood_core.domain.records import ListenSource
from mood_core.exports.parsed_export import Plays

_TRACK_SHIFT = 34  # seconds until the year 2514 need 34 bits

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """Plays as columns of equal length: track number, end [ms since 1970], duration [ms, -1 if unknown].

    ``end`` has how each play ended, see :mod:`mood_core.domain.play_ends`; without it, that is not known.
    """

    track: Ints
    at_ms: Ints
    ms: Ints
    end: Ints | None = None

    def __len__(self) -> int:
        return len(self.track)

    @property
    def ends(self) -> Ints:
        """``end``, or 0 for each play without it."""
        return np.zeros(len(self), np.int64) if self.end is None else self.end

    def take(self, which: Bools | Ints | slice) -> Columns:
        """Only the plays ``which`` (a mask, positions or a slice)."""
        if isinstance(which, np.ndarray) and which.dtype == np.bool_ and which.all():
            return self  # a copy of a million plays takes 32 MB
        end = None if self.end is None else self.end[which]
        return Columns(self.track[which], self.at_ms[which], self.ms[which], end)

    def grouped(self, group: Ints) -> Columns:
        """The same plays with group numbers instead of track numbers."""
        return replace(self, track=group[self.track] if len(self) else self.track)


def columns(plays: Plays) -> Columns:
    """The plays of an export as columns."""
    track, ended_s, ms, end = (np.asarray(each, np.int64) for each in (plays.what, plays.ended_s, plays.ms, plays.end))
    return Columns(track, ended_s * 1000, ms, end)


def without_duplicates(plays: Columns) -> Columns:
    """The longest play for each track and second, in chronological order.

    Of equally long ones, it is the one with the highest ``end``, in every order of the files.
    """
    keys = _keys(plays)
    order = np.lexsort((-plays.ends, -plays.ms, keys))
    keys = keys[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    kept = order[first]
    return plays.take(kept[np.lexsort((plays.track[kept], plays.at_ms[kept]))])


def not_among(plays: Columns, stored: Columns) -> Bools:
    """Return a mask of the ``plays`` that are not in ``stored``, compared to the second."""
    return ~np.isin(_keys(plays), _keys(stored)) if len(stored) else np.ones(len(plays), np.bool_)


def near(plays: Columns, stored: Columns) -> tuple[Bools, Bools]:
    """Return masks of the ``plays`` and the ``stored`` plays of one track whose ends are less than a play apart."""
    order = np.argsort(_keys(stored))
    keys = _keys(stored)[order]
    first = np.searchsorted(keys, _keys(plays, -plays.ms))
    last = np.searchsorted(keys, _keys(plays, plays.ms), side="right")
    changes = np.zeros(len(stored) + 1, dtype=np.int64)
    np.add.at(changes, first, 1)
    np.add.at(changes, last, -1)
    is_near = np.zeros(len(stored), dtype=np.bool_)
    is_near[order] = np.cumsum(changes[:-1]) > 0
    return last > first, is_near


def matches(plays: Columns, source: ListenSource, others: Mapping[int, Sequence[Play]]) -> list[Play | None]:
    """Return the play that each of ``plays`` repeats, or None; ``others`` are by the number in ``plays.track``."""
    result: list[Play | None] = [None] * len(plays)
    if not others:
        return result
    by_track: dict[int, list[int]] = defaultdict(list)
    for position in np.flatnonzero(np.isin(plays.track, np.fromiter(others, np.int64, len(others)))).tolist():
        by_track[int(plays.track[position])].append(position)
    for track, positions in sorted(by_track.items()):
        mine = [Play(int(plays.at_ms[index]), length_of(int(plays.ms[index])), source) for index in positions]
        for position, match in zip(positions, pair(others[track], mine), strict=True):
            result[position] = match
    return result


def length_of(ms: int) -> int | None:
    """A value of the duration column as a duration, None if unknown."""
    return None if ms < 0 else ms


def _keys(plays: Columns, later_ms: Ints | int = 0) -> Ints:
    keys: Ints = (plays.track << _TRACK_SHIFT) | ((plays.at_ms + later_ms) // 1000)
    return keys

"""Counts of one person's listens, as the columns of the tables ``_counted_*``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.records import ALL_MOODS, MOODS

FOLLOWS_MS = 1_800_000
"""A listen that comes later than this after the one before begins a session."""

MOOD_COLUMNS = (*(mood.lower() for mood in MOODS), "unlabelled")
_CODES = len(MOOD_COLUMNS)
_PLACES = 10
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Sessions:
    """Where each listen is in its session: ``starts`` (m,) are indices of listens, ``places`` (n,) begin with 1."""

    starts: NDArray[np.int64]
    places: NDArray[np.int64]


def sessions_of(times: NDArray[np.int64]) -> Sessions:
    """The sessions of listens at ``times`` (n,) [ms], which are sorted; the first listen begins one."""
    begins = np.append(True, np.diff(times) > FOLLOWS_MS)[: len(times)]
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(times)))
    return Sessions(starts, np.arange(len(times)) - np.repeat(starts, lengths) + 1)


def closed_sessions(times: NDArray[np.int64], sessions: Sessions, until_ms: int) -> tuple[Columns, int]:
    """The sessions that no listen at ``until_ms`` or later can continue, and the time since which others start."""
    ends = np.append(sessions.starts, len(times))[1:] - 1
    closed = until_ms - times[ends] > FOLLOWS_MS
    starts = sessions.starts[closed]
    listens = ends[closed] - starts + 1
    columns: Columns = {"started_at_ms": times[starts], "ended_at_ms": times[ends[closed]], "listens": listens}
    return columns, until_ms if closed.all() else int(times[sessions.starts[-1]])


def by_mood(name: str, values: NDArray[np.int64], moods: NDArray[np.int64]) -> Columns:
    """Listens by value and mood, for ``values`` (n,) of 0 or more and ``moods`` (n,), an index in MOOD_COLUMNS."""
    most = int(values.max(initial=0)) + 1
    cells = np.bincount(values * _CODES + moods, minlength=most * _CODES).reshape(most, _CODES)
    heard = np.flatnonzero(cells.sum(1))
    return {name: heard, **dict(zip(MOOD_COLUMNS, cells[heard].T, strict=True))}


def by_place(places: NDArray[np.int64], moods: NDArray[np.int64]) -> Columns:
    """Listens by place in the session, up to the tenth, and mood."""
    early = places <= _PLACES
    return by_mood("place", places[early], moods[early])


def skips(skipped: NDArray[np.int64], moods: NDArray[np.int64]) -> Columns:
    """Listens and skipped listens by mood; ``skipped`` (n,) is 1, 0 or -1 for unknown."""
    known = skipped >= 0
    listens = np.bincount(moods[known], minlength=_CODES)
    found = np.flatnonzero(listens)
    skipped_listens = np.bincount(moods[skipped == 1], minlength=_CODES)
    names = np.array(ALL_MOODS)
    return {"mood": names[found], "listens": listens[found], "skipped": skipped_listens[found]}


def sounds(
    hours: NDArray[np.int64], places: NDArray[np.int64], features: NDArray[np.float64], names: tuple[str, ...]
) -> Columns:
    """Listens with audio features by hour, and the sums of the features.

    ``places`` (n,) are rows of ``features`` (tracks, features), which are NaN for a track without features.
    """
    plays = np.bincount(hours * len(features) + places, minlength=24 * len(features)).reshape(24, len(features))
    known = ~np.isnan(features[:, 0])
    listens = plays[:, known].sum(1)
    heard = np.flatnonzero(listens)
    sums = plays[heard][:, known] @ features[known]
    return {"hour": heard, "listens": listens[heard], **dict(zip(names, sums.T, strict=True))}


def transitions(times: NDArray[np.int64], moods: NDArray[np.int64], since_ms: int) -> Columns:
    """How often a listen of one mood was followed, at ``since_ms`` or later, by one of another."""
    earlier, later = pairs_of(times)
    labelled = (moods[earlier] < len(MOODS)) & (moods[later] < len(MOODS))
    here = labelled & (times[later] >= since_ms)
    cells = np.bincount(moods[earlier][here] * _CODES + moods[later][here], minlength=_CODES**2)
    found = np.flatnonzero(cells)
    names = np.array([*MOODS, ""])
    return {"from_mood": names[found // _CODES], "to_mood": names[found % _CODES], "transitions": cells[found]}


def pairs_of(times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices of each two listens of which the second is of the next time, up to half an hour later.

    ``times`` (n,) are sorted. Several listens can have the same time.
    """
    moments, group, sizes = np.unique(times, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    follows = np.append(np.diff(moments) <= FOLLOWS_MS, False)[group] if len(times) else np.zeros(0, np.bool_)
    first = np.flatnonzero(follows)
    following = group[first] + 1
    many = sizes[following]
    earlier = np.repeat(first, many)
    within = np.arange(len(earlier)) - np.repeat(np.cumsum(many) - many, many)
    return earlier, np.repeat(starts[following], many) + within

"""Counts of a person's listens before a time, in the tables ``counted_*``: the views add them to the listens since.

A change of an earlier listen, its label or the time zone deletes the person's counts in the same transaction, so the
views are right at any time. The ends of runs and imports count again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.key_cache import KeyCache
from mood_core.store.loading.person_labels import with_own_labels
from mood_core.store.queries.time_zones import offsets_of

COUNTED = ("counted_hours", "counted_transitions", "counted_tracks", "counted_people")
"""The tables."""

_DAY_MS = 86_400_000
STEP_MS = 60 * _DAY_MS
RECENT_MS = 7 * _DAY_MS
_FOLLOWS_MS = 1_800_000
_CODES = len(MOODS) + 1


def is_due(connection: Connection, *, step_ms: int = STEP_MS, recent_ms: int = RECENT_MS) -> bool:
    """Whether :func:`count_people` has something to count."""
    return connection.execute(query("people_to_count"), {"step": step_ms, "recent": recent_ms}).first() is not None


def count_people(connection: Connection, *, step_ms: int = STEP_MS, recent_ms: int = RECENT_MS) -> int:
    """Count the history of the people of whom at least ``step_ms`` are not counted yet; returns their number.

    The last ``recent_ms`` stay uncounted. No other transaction may change counts meanwhile.
    """
    people = connection.execute(query("people_to_count"), {"step": step_ms, "recent": recent_ms}).all()
    cache = KeyCache()
    for row in people:
        _count(connection, cache, row.user_key, row.timezone, row.since_ms, row.until_ms)
        connection.execute(query("count_person"), {"user": row.user_key, "until": row.until_ms})
    return len(people)


def forget_counts(connection: Connection, user_keys: Sequence[int]) -> None:
    """Delete the counts of these people."""
    for table in COUNTED if user_keys else ():
        connection.execute(query("delete_counted", table=table), {"ids": list(user_keys)})


def forget_all_counts(connection: Connection) -> None:
    """Delete the counts of all people."""
    for table in COUNTED:
        connection.execute(query("delete_rows", table=table))


def forget_counts_after(connection: Connection, earliest_ms: Mapping[int, int]) -> None:
    """Delete the counts of the people with a change at ``earliest_ms`` (by user key) or later, if it is counted."""
    if earliest_ms:
        until = connection.execute(query("counted_until"), {"ids": list(earliest_ms)})
        forget_counts(connection, [key for key, until_ms in until if earliest_ms[key] < until_ms])


def forget_counts_of_days(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Delete the counts that include one of the days ``pairs`` (user key, local day since 1970-01-01)."""
    first: dict[int, int] = {}
    for key, day in pairs:
        first[key] = min(day, first.get(key, day))
    # A local day begins at most a day before the UTC day with its date.
    forget_counts_after(connection, {key: (day - 1) * _DAY_MS for key, day in first.items()})


def _count(connection: Connection, cache: KeyCache, user: int, zone: str, since_ms: int, until_ms: int) -> None:
    span = {"user": user, "since": since_ms - _FOLLOWS_MS, "until": until_ms}
    cursor: Any = connection.execute(query("listens_to_count"), span).cursor  # without a Row for each
    times, keys = np.fromiter(chain.from_iterable(cursor), np.int64).reshape(-1, 2).T
    tracks, places = np.unique(keys, return_inverse=True)
    labels = with_own_labels(connection, np.full(len(tracks), user), tracks, cache.labels(connection, tracks))
    codes = labels.codes.astype(np.int64)
    moods = np.where(codes < 2 * len(MOODS), codes % len(MOODS), len(MOODS))[places]
    new = times >= since_ms
    hours = (times[new] // 1000 + offsets_of(connection, zone, times[new] // 1000)) // 3600 % 24
    by_hour = np.bincount(hours * _CODES + moods[new], minlength=24 * _CODES).reshape(24, _CODES)
    heard = by_hour.sum(1) > 0
    columns = [np.full(24, user)[heard], np.arange(24)[heard], *by_hour[heard].T]
    _insert("add_to_counted_hours", connection, ["hour", *(mood.lower() for mood in MOODS), "unlabelled"], columns)
    plays = np.bincount(places[new], minlength=len(tracks))
    played = plays > 0
    columns = [np.full(len(tracks), user)[played], tracks[played], plays[played]]
    _insert("add_to_counted_tracks", connection, ["track_key", "listens"], columns)
    earlier, later = _pairs(times)
    here = (times[later] >= since_ms) & (moods[earlier] < len(MOODS)) & (moods[later] < len(MOODS))
    cells = np.bincount(moods[earlier][here] * _CODES + moods[later][here], minlength=_CODES**2)
    found = np.flatnonzero(cells)
    names = np.array([*MOODS, ""])
    columns = [np.full(len(found), user), names[found // _CODES], names[found % _CODES], cells[found]]
    _insert("add_to_counted_transitions", connection, ["from_mood", "to_mood", "transitions"], columns)


def _pairs(times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices of each two listens of which the second is of the next time, up to half an hour later.

    ``times`` (n,) are sorted. Several listens can have the same time.
    """
    moments, group, sizes = np.unique(times, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    follows = np.append(np.diff(moments) <= _FOLLOWS_MS, False)[group] if len(times) else np.zeros(0, np.bool_)
    first = np.flatnonzero(follows)
    following = group[first] + 1
    many = sizes[following]
    earlier = np.repeat(first, many)
    within = np.arange(len(earlier)) - np.repeat(np.cumsum(many) - many, many)
    return earlier, np.repeat(starts[following], many) + within


def _insert(statement: str, connection: Connection, names: list[str], columns: list[NDArray[Any]]) -> None:
    insert_rows(connection, statement, pa.table(dict(zip(["user_key", *names], map(pa.array, columns), strict=True))))

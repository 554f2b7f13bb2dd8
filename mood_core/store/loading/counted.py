"""Counts of a person's listens before a time, in the tables ``_counted_*``: the views add them to the listens since.

A change of an earlier listen, its label or the time zone deletes the person's counts in the same transaction, so the
views are right at any time. The ends of runs and imports count again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, Row

from mood_core.domain.records import FEATURES, MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.numbers import number_columns
from mood_core.store.loading.history_counts import (
    Columns,
    by_mood,
    by_place,
    closed_sessions,
    sessions_of,
    skips,
    sounds,
    transitions,
)
from mood_core.store.loading.key_cache import KeyCache
from mood_core.store.loading.keys import raw_rows
from mood_core.store.loading.person_labels import with_own_labels
from mood_core.store.loading.ranks import RANKED, people_to_rank, rank_people
from mood_core.store.loading.time_zones import offsets_of

COUNTED = (
    "_counted_hours",
    "_counted_transitions",
    "_counted_tracks",
    "_counted_sessions",
    "_counted_places",
    "_counted_skips",
    "_counted_sounds",
    *RANKED,
    "_counted_people",
)
"""The tables."""

_DAY_MS = 86_400_000
STEP_MS = 7 * _DAY_MS
RECENT_MS = 7 * _DAY_MS
_SOUNDS = FEATURES[:9]
PEOPLE_AT_ONCE = 100


def is_due(connection: Connection, *, step_ms: int = STEP_MS, recent_ms: int = RECENT_MS) -> bool:
    """Whether :func:`count_people` has something to count or to rank."""
    due = connection.execute(query("people_to_count"), {"step": step_ms, "recent": recent_ms}).first()
    return due is not None or bool(people_to_rank(connection))


def people_to_count(
    connection: Connection,
    user_keys: Sequence[int] | None = None,
    *,
    step_ms: int = STEP_MS,
    recent_ms: int = RECENT_MS,
) -> Sequence[Row[Any]]:
    """The people (of ``user_keys``) of whom at least ``step_ms`` are not counted yet, and from when until when."""
    values = {"step": step_ms, "recent": recent_ms}
    if user_keys is None:
        return connection.execute(query("people_to_count"), values).all()
    return connection.execute(query("people_to_count", "ids"), {**values, "ids": list(user_keys)}).all()


def count_people(connection: Connection, *, step_ms: int = STEP_MS, recent_ms: int = RECENT_MS) -> int:
    """Count the history of the people of whom at least ``step_ms`` are not counted yet; returns their number.

    The last ``recent_ms`` stay uncounted; ranks include them. No other transaction may change counts meanwhile.
    """
    people = people_to_count(connection, step_ms=step_ms, recent_ms=recent_ms)
    cache = KeyCache()
    for first in range(0, len(people), PEOPLE_AT_ONCE):
        count_some(connection, cache, people[first : first + PEOPLE_AT_ONCE])
    rank_people(connection)
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
    """Delete the counts of the people with a change at ``earliest_ms`` (by user key) or later, if it is counted.

    If it is not counted yet but ranked, their ranks do not hold any more.
    """
    if earliest_ms:
        people = connection.execute(query("counted_until"), {"ids": list(earliest_ms)}).all()
        forget_counts(connection, [key for key, until_ms, _ in people if earliest_ms[key] < until_ms])
        ranked = [key for key, until_ms, ranked_ms in people if until_ms <= earliest_ms[key] < ranked_ms]
        if ranked:
            connection.execute(query("forget_ranks"), {"ids": ranked})


def forget_counts_of_days(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Delete the counts that include one of the days ``pairs`` (user key, local day since 1970-01-01)."""
    first: dict[int, int] = {}
    for key, day in pairs:
        first[key] = min(day, first.get(key, day))
    # A local day begins at most a day before the UTC day with its date.
    forget_counts_after(connection, {key: (day - 1) * _DAY_MS for key, day in first.items()})


def forget_counts_of_tracks(connection: Connection, track_keys: Sequence[int]) -> None:
    """Delete the counts that include a listen of one of ``track_keys``, which have new audio features."""
    if connection.scalar(query("labelled_tracks"), {"ids": track_keys}) is not None:
        forget_all_counts(connection)
    else:
        earliest = raw_rows(connection.execute(query("earliest_pending"), {"ids": track_keys}))
        forget_counts_after(connection, dict(earliest))


def count_some(connection: Connection, cache: KeyCache, people: Sequence[Row[Any]]) -> None:
    """Count the listens of some of :func:`people_to_count`, and write each kind of count at once.

    Each insert of many rows makes a temporary table, and PostgreSQL has room for some thousands in a transaction.
    """
    rows: dict[str, list[pa.Table]] = {}
    until = []
    for person in people:
        counts, sessions_until = _count(connection, cache, person)
        until.append({"user": person.user_key, "until": person.until_ms, "sessions_until": sessions_until})
        for statement, columns in counts.items():
            users = np.full(len(next(iter(columns.values()))), person.user_key)
            table = pa.table({"user_key": users, **{name: pa.array(column) for name, column in columns.items()}})
            rows.setdefault(statement, []).append(table)
    for statement, tables in rows.items():
        insert_rows(connection, statement, pa.concat_tables(tables))
    connection.execute(query("count_person"), until)


def _count(connection: Connection, cache: KeyCache, person: Row[Any]) -> tuple[dict[str, Columns], int]:
    """A person's counts of the listens between two times, and the time since which sessions are not counted."""
    # The listens of the last session that was open are read again: its end and the places in it depend on them.
    span = {"user": person.user_key, "since": person.sessions_since_ms, "until": person.until_ms}
    times, keys, skipped = number_columns(connection, query("listens_to_count", "span"), span)
    tracks, places = np.unique(keys, return_inverse=True)
    labels = with_own_labels(
        connection, np.full(len(tracks), person.user_key), tracks, cache.labels(connection, tracks)
    )
    codes = labels.codes.astype(np.int64)
    moods = np.where(codes < 2 * len(MOODS), codes % len(MOODS), len(MOODS))[places]
    sessions = sessions_of(times)
    closed, sessions_until = closed_sessions(times, sessions, person.until_ms)
    closed["offset_s"] = offsets_of(connection, person.timezone, closed["started_at_ms"] // 1000)
    new = times >= person.since_ms
    seconds = times[new] // 1000
    hours = (seconds + offsets_of(connection, person.timezone, seconds)) // 3600 % 24
    plays = np.bincount(places[new], minlength=len(tracks))
    heard = np.flatnonzero(plays)
    counts: dict[str, Columns] = {
        "add_to_counted_hours": by_mood("hour", hours, moods[new]),
        "add_to_counted_tracks": {"track_key": tracks[heard], "listens": plays[heard]},
        "add_to_counted_transitions": transitions(times, moods, person.since_ms),
        "add_counted_sessions": closed,
        "add_to_counted_places": by_place(sessions.places[new], moods[new]),
        "add_to_counted_skips": skips(skipped[new], moods[new]),
        "add_to_counted_sounds": sounds(hours, places[new], _features(connection, tracks), _SOUNDS),
    }
    return counts, sessions_until


def _features(connection: Connection, track_keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """The audio features of ``track_keys`` (n,), which are sorted: (n, 9), NaN without features."""
    found = np.full((len(track_keys), len(_SOUNDS)), np.nan)
    rows = raw_rows(connection.execute(query("features_to_count"), {"ids": track_keys.tolist()}))
    if rows:
        table = np.array(rows, np.float64)
        found[np.searchsorted(track_keys, table[:, 0].astype(np.int64))] = table[:, 1:]
    return found

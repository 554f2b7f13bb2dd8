"""Updates ``_mood_days`` in the transaction that changes its counts: listens by person, local day and mood.

New listens are counted here and added. After other changes (listens that were stored before, labels, time zones), the
days concerned are counted again from the listens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.counted import (
    forget_all_counts,
    forget_counts,
    forget_counts_after,
    forget_counts_of_days,
)
from mood_core.store.loading.day_counts import day_counts
from mood_core.store.loading.head_labels import label_pending
from mood_core.store.loading.key_cache import UNLABELLED, TrackLabels
from mood_core.store.loading.pending import add_pending, refill, take_days
from mood_core.store.loading.person_labels import find_person_labels
from mood_core.store.loading.queues import refill_label_queue
from mood_core.store.loading.time_zones import ensure_offsets, offsets_of, outdated_zones

_DAY_S = 86_400
_LOCK = 0x64617973  # "days": on PostgreSQL one transaction at a time updates the counts; SQLite has one writer anyway


def add_listens(
    connection: Connection, listens: pa.Table, inserted: int, labels: TrackLabels, own: TrackLabels
) -> None:
    """Count ``listens`` (``user_key``, ``played_at_ms``, ``track_key``), of which ``inserted`` were not stored before.

    If some were stored before, the days are counted again instead. ``labels`` are those of the model for the tracks of
    ``listens``; ``own`` are those that count, by the people's own labels.
    """
    user_keys = listens["user_key"].to_numpy()
    days = _local_days(connection, user_keys, listens["played_at_ms"].to_numpy() // 1000)
    add_pending(connection, listens.filter(pa.array(labels.codes == UNLABELLED)))
    if inserted == listens.num_rows:
        forget_counts_after(connection, _earliest(user_keys, listens["played_at_ms"].to_numpy()))
        insert_rows(connection, "add_to_mood_days", day_counts(user_keys, days, own.codes, own.chances))
    else:
        recount_days(connection, zip(user_keys.tolist(), days.tolist(), strict=True))


def labelled(connection: Connection, track_keys: Sequence[int]) -> None:
    """Count the days with listens of ``track_keys`` again, which the current model has just labelled."""
    if not track_keys:
        return
    serialise_counts(connection)
    label_pending(connection, track_keys)
    recount_days(connection, take_days(connection, track_keys))


def recount_unlabelled(connection: Connection, track_keys: Sequence[int]) -> None:
    """Count the days with listens of ``track_keys`` again, which have just lost their label."""
    connection.execute(query("index_listens_of_tracks"), {"ids": track_keys})
    days = connection.execute(query("pending_days"), {"ids": track_keys}).all()
    recount_days(connection, [(row.user_key, row.day) for row in days])


def recount_days(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Count the days ``pairs`` (user key, local day since 1970-01-01) again from the listens."""
    days = sorted(set(pairs))
    forget_counts_of_days(connection, days)
    given = {"pairs": json.dumps([list(pair) for pair in days])}
    connection.execute(query("remove_mood_days"), given)
    connection.execute(query("count_mood_days", "pairs"), given)


def recount_people(connection: Connection, user_keys: Sequence[int]) -> None:
    """Count every day of these people again."""
    if not user_keys:
        return
    serialise_counts(connection)
    forget_counts(connection, user_keys)
    connection.execute(query("remove_mood_days_of"), {"ids": user_keys})
    connection.execute(query("count_mood_days", "ids"), {"ids": user_keys})


def follow_time_zones(database: Database) -> int:
    """Update the offsets of the zones in use from this machine's time zone database.

    A government may change its time zone after a person was connected. The days of these people are counted again;
    returns their number. Zones that this machine does not know stay as they are.
    """
    with database.read() as connection:
        names = outdated_zones(connection)
    if not names:
        return 0
    with database.write() as connection:
        moved = ensure_offsets(connection, names)
        recount_people(connection, moved)
    return len(moved)


def recount_everything(connection: Connection) -> None:
    """Count every day of all people again: after a change of the current model, and at the end of a rebuild."""
    serialise_counts(connection)
    forget_all_counts(connection)
    find_person_labels(connection)
    connection.execute(query("remove_all_mood_days"))
    count_by_person(connection, "count_mood_days")
    refill(connection)
    refill_label_queue(connection)


def count_by_person(connection: Connection, statement: str) -> None:
    """Run the named ``statement`` for all people; on SQLite one by one, because it sorts all listens in memory."""
    if connection.dialect.name == "postgresql":
        connection.execute(query(statement))
        return
    for key in list(connection.scalars(query("every_person_key"))):
        connection.execute(query(statement, "ids"), {"ids": [key]})


def serialise_counts(connection: Connection) -> None:
    """Let only one transaction at a time update the counts, so that the next one sees all rows of this one.

    Called after the rows were inserted; the lock is held until the commit.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(query("lock_counts"), {"key": _LOCK})


def _earliest(user_keys: NDArray[np.int64], times_ms: NDArray[np.int64]) -> dict[int, int]:
    """The earliest time by user key."""
    people, places = np.unique(user_keys, return_inverse=True)
    earliest = np.full(len(people), np.iinfo(np.int64).max)
    np.minimum.at(earliest, places, times_ms)
    return dict(zip(people.tolist(), earliest.tolist(), strict=True))


def _local_days(
    connection: Connection, user_keys: NDArray[np.int64], played_at_s: NDArray[np.int64]
) -> NDArray[np.int64]:
    days: NDArray[np.int64] = (played_at_s + _offsets(connection, user_keys, played_at_s)) // _DAY_S
    return days


def _offsets(connection: Connection, user_keys: NDArray[np.int64], times_s: NDArray[np.int64]) -> NDArray[np.int64]:
    people, places = np.unique(user_keys, return_inverse=True)
    found = connection.execute(query("time_zones_by_key"), {"ids": people.tolist()})
    zone_of = {row.user_key: row.timezone for row in found}
    names = sorted(set(zone_of.values()))
    zones = np.array([names.index(zone_of[key]) for key in people.tolist()])[places]
    offsets = np.zeros(len(times_s), np.int64)
    for index, name in enumerate(names):
        here = zones == index
        offsets[here] = offsets_of(connection, name, times_s[here])
    return offsets

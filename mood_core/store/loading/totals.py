"""Updates the totals that ``moodlog status`` shows, in the transaction that changes their counts.

``_listen_totals``, ``_covered_listens`` and ``_heard_tracks`` replace queries over all listens. After a change that
cannot be counted exactly, for example rows that were stored before, the totals are marked as stale: readers then query
the listens, and the next run counts everything again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.store.engine.bulk import insert_few_rows
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.daily import count_by_person
from mood_core.store.loading.stale_totals import are_stale, mark_stale

_LISTEN_TOTALS = ["user_key", "source_key", "listens", "first_played_at_ms", "last_played_at_ms"]


def add_to_totals(
    connection: Connection, listens: pa.Table, inserted: int, sources: NDArray[np.int64], unheard: NDArray[np.int64]
) -> None:
    """Count ``listens`` (keys and times as in SQL), of which ``inserted`` were not stored before.

    ``sources`` are the feature sources of their tracks, 0 without features; ``unheard`` are the tracks that had perhaps
    no listen before.
    """
    if inserted != listens.num_rows:
        mark_stale(connection, "a batch repeated stored listens")
        return
    ends = [("played_at_ms", "min"), ("played_at_ms", "max")]
    insert_few_rows(connection, "add_to_listen_totals", _counted(listens, ends))
    covered = pa.table({"user_key": listens["user_key"], "source_key": sources}).filter(pa.array(sources > 0))
    insert_few_rows(connection, "add_to_covered_listens", _counted(covered, []))
    connection.execute(query("add_heard_tracks"), {"ids": unheard.tolist()})


def features_came(connection: Connection, track_keys: Sequence[int], inserted: int, *, estimated: bool = False) -> None:
    """Count the stored listens of ``track_keys`` as covered; ``inserted`` of the tracks have just got audio features.

    Their listens are in ``_waiting_listens``, which is complete if there is a current model and they have no label.
    """
    if not inserted or connection.scalar(query("has_totals")) is None:
        return
    if estimated or connection.scalar(query("tracks_with_estimates"), {"ids": track_keys}) is not None:
        mark_stale(connection, "estimated audio features were added or replaced")
        return
    if inserted != len(track_keys) or not _wait_for_labels(connection, track_keys):
        mark_stale(connection, "audio features came for tracks whose listens are not indexed")
        return
    connection.execute(query("cover_pending_listens"), {"ids": track_keys})


def without_features(connection: Connection, track_keys: Sequence[int]) -> list[int]:
    """The tracks of ``track_keys`` without audio features, without duplicates."""
    return sorted(set(track_keys) - set(connection.scalars(query("tracks_with_features"), {"ids": track_keys})))


def drop_unheard(connection: Connection, track_keys: Sequence[int]) -> None:
    """Remove the tracks of ``track_keys`` without listens from ``_heard_tracks``. Reads every listen."""
    if track_keys:
        connection.execute(query("remove_unheard_tracks"), {"ids": track_keys})


def recount_totals(connection: Connection) -> None:
    """Count everything again from the listens."""
    for table in ("_listen_totals", "_covered_listens", "_heard_tracks", "_stale_totals"):
        connection.execute(query("delete_rows", table=table))
    count_by_person(connection, "count_listen_totals")
    count_by_person(connection, "count_covered_listens")
    connection.execute(query("find_heard_tracks"))


def recount_stale(connection: Connection) -> None:
    """Count everything again if the totals are stale."""
    if are_stale(connection):
        recount_totals(connection)


def refresh_totals(database: Database) -> None:
    """Count stale totals again if there is a current model: without one, each batch of features marks them as stale."""
    with database.read() as connection:
        wanted = are_stale(connection) and connection.scalar(query("current_model"))
    if wanted:
        with database.write() as connection:
            recount_stale(connection)


def _wait_for_labels(connection: Connection, track_keys: Sequence[int]) -> bool:
    if connection.scalar(query("current_model")) is None:
        return False
    return connection.scalar(query("labelled_tracks"), {"ids": track_keys}) is None


def _counted(listens: pa.Table, more: list[tuple[str, str]]) -> pa.Table:
    """The number of ``listens`` by person and source, in columns as in SQL, and ``more`` aggregates."""
    groups = listens.group_by(["user_key", "source_key"]).aggregate([("user_key", "count"), *more])
    names = ["user_key", "source_key", "user_key_count", *(f"{column}_{function}" for column, function in more)]
    return groups.select(names).rename_columns(_LISTEN_TOTALS[: len(names)]).sort_by("user_key")

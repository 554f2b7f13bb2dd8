"""Keeps the totals that ``moodlog status`` shows, in the transaction that changes what they count.

``listen_totals``, ``covered_listens`` and ``heard_tracks`` hold what a query over all listens would answer. Where a
change cannot be counted exactly, for example rows that were stored before, the totals are marked stale: readers then
query the listens, and the next run counts everything again.
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
from mood_core.store.loading.key_cache import Memory
from mood_core.store.loading.stale_totals import are_stale, mark_stale

_RECOUNT = (
    "remove_listen_totals",
    "count_listen_totals",
    "remove_covered_listens",
    "count_covered_listens",
    "remove_heard_tracks",
    "find_heard_tracks",
    "totals_are_fresh",
)


def add_to_totals(connection: Connection, listens: pa.Table, inserted: int, memory: Memory) -> None:
    """Count ``listens`` (keys and times as in SQL), of which ``inserted`` were not stored before."""
    if inserted != listens.num_rows:
        mark_stale(connection, "a batch repeated stored listens")
        return
    users, tracks = listens["user_key"].to_numpy(), listens["track_key"].to_numpy()
    insert_few_rows(
        connection, "add_to_listen_totals", _by_source(users, listens["source_key"].to_numpy(), listens["played_at_ms"])
    )
    distinct, places = np.unique(tracks, return_inverse=True)
    sources = memory.feature_sources(connection, distinct)[places]
    covered = sources > 0
    insert_few_rows(connection, "add_to_covered_listens", _by_source(users[covered], sources[covered]))
    connection.execute(query("add_heard_tracks"), {"ids": memory.hear(distinct).tolist()})


def features_came(connection: Connection, track_keys: Sequence[int], inserted: int) -> None:
    """Count the stored listens of ``track_keys`` as covered; ``inserted`` of them got audio features just now.

    Their listens are found in ``waiting_listens``, which is complete while a model is shown and they have no label.
    """
    if not inserted or connection.scalar(query("has_totals")) is None:
        return
    if inserted != len(track_keys) or not _wait_for_labels(connection, track_keys):
        mark_stale(connection, "audio features came for tracks whose listens are not indexed")
        return
    connection.execute(query("cover_pending_listens"), {"ids": track_keys})


def without_features(connection: Connection, track_keys: Sequence[int]) -> list[int]:
    """Those of ``track_keys`` that have no audio features, each once."""
    return sorted(set(track_keys) - set(connection.scalars(query("tracks_with_features"), {"ids": track_keys})))


def drop_unheard(connection: Connection, track_keys: Sequence[int]) -> None:
    """Take those of ``track_keys`` out of ``heard_tracks`` that have no listen any more. Reads every listen."""
    if track_keys:
        connection.execute(query("remove_unheard_tracks"), {"ids": track_keys})


def recount_totals(connection: Connection) -> None:
    """Count everything again from the listens."""
    for statement in _RECOUNT:
        connection.execute(query(statement))


def recount_stale(connection: Connection) -> None:
    """Count everything again where the totals are stale."""
    if are_stale(connection):
        recount_totals(connection)


def refresh_totals(database: Database) -> None:
    """Count stale totals again, once a model is shown: before that, every batch of features would make them stale."""
    with database.read() as connection:
        wanted = are_stale(connection) and connection.scalar(query("current_model"))
    if wanted:
        with database.write() as connection:
            recount_stale(connection)


def _wait_for_labels(connection: Connection, track_keys: Sequence[int]) -> bool:
    if connection.scalar(query("current_model")) is None:
        return False
    return connection.scalar(query("labelled_tracks"), {"ids": track_keys}) is None


def _by_source(
    user_keys: NDArray[np.int64], source_keys: NDArray[np.int64], times: pa.ChunkedArray | None = None
) -> pa.Table:
    """``user_key``, ``source_key`` and ``listens``; with ``times`` also the first and the last of each group."""
    columns: dict[str, object] = {"user_key": user_keys, "source_key": source_keys}
    wanted: list[tuple[str, str]] = [("user_key", "count")]
    if times is not None:
        columns["at"] = times
        wanted += [("at", "min"), ("at", "max")]
    counted = pa.table(columns).group_by(["user_key", "source_key"]).aggregate(wanted).sort_by("user_key")
    names = ["user_key", "source_key", "user_key_count", *(["at_min", "at_max"] if times is not None else [])]
    return counted.select(names).rename_columns(
        [
            "user_key",
            "source_key",
            "listens",
            *(["first_played_at_ms", "last_played_at_ms"] if times is not None else []),
        ]
    )

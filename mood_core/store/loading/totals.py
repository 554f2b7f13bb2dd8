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
from sqlalchemy import Connection, text

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.database import Database
from mood_core.store.loading.key_cache import Memory
from mood_core.store.loading.keys import among
from mood_core.store.loading.stale_totals import are_stale, mark_stale

_ADD_HEARD = """
INSERT INTO heard_tracks (track_key)
SELECT t.track_key FROM tracks AS t WHERE {condition}
ON CONFLICT (track_key) DO NOTHING
"""
_COVER_PENDING = """
INSERT INTO covered_listens (user_key, source_key, listens)
SELECT w.user_key, f.source_key, count(*)
FROM waiting_listens AS w INNER JOIN audio_features AS f ON f.track_key = w.track_key
WHERE {condition}
GROUP BY w.user_key, f.source_key
ON CONFLICT (user_key, source_key) DO UPDATE SET listens = covered_listens.listens + excluded.listens
"""
_RECOUNT = (
    "DELETE FROM listen_totals",
    "INSERT INTO listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)"
    " SELECT user_key, source_key, count(*), min(played_at_ms), max(played_at_ms) FROM listens"
    " GROUP BY user_key, source_key",
    "DELETE FROM covered_listens",
    "INSERT INTO covered_listens (user_key, source_key, listens)"
    " SELECT l.user_key, f.source_key, count(*) FROM listens AS l"
    " INNER JOIN audio_features AS f ON f.track_key = l.track_key GROUP BY l.user_key, f.source_key",
    "DELETE FROM heard_tracks",
    "INSERT INTO heard_tracks (track_key) SELECT DISTINCT track_key FROM listens",
    "DELETE FROM stale_totals",
)


def add_to_totals(connection: Connection, listens: pa.Table, inserted: int, memory: Memory) -> None:
    """Count ``listens`` (keys and times as in SQL), of which ``inserted`` were not stored before."""
    if inserted != listens.num_rows:
        mark_stale(connection, "a batch repeated stored listens")
        return
    users, tracks = listens["user_key"].to_numpy(), listens["track_key"].to_numpy()
    insert_rows(
        connection, "add_to_listen_totals", _by_source(users, listens["source_key"].to_numpy(), listens["played_at_ms"])
    )
    distinct, places = np.unique(tracks, return_inverse=True)
    sources = memory.feature_sources(connection, distinct)[places]
    covered = sources > 0
    insert_rows(connection, "add_to_covered_listens", _by_source(users[covered], sources[covered]))
    condition, ids = among(connection, "t.track_key", memory.hear(distinct).tolist())
    connection.execute(text(_ADD_HEARD.format(condition=condition)), {"ids": ids})


def features_came(connection: Connection, track_keys: Sequence[int], inserted: int) -> None:
    """Count the stored listens of ``track_keys`` as covered; ``inserted`` of them got audio features just now.

    Their listens are found in ``waiting_listens``, which is complete while a model is shown and they have no label.
    """
    if not inserted or connection.scalar(text("SELECT 1 FROM listen_totals LIMIT 1")) is None:
        return
    if inserted != len(track_keys) or not _wait_for_labels(connection, track_keys):
        mark_stale(connection, "audio features came for tracks whose listens are not indexed")
        return
    condition, ids = among(connection, "w.track_key", track_keys)
    connection.execute(text(_COVER_PENDING.format(condition=condition)), {"ids": ids})


def without_features(connection: Connection, track_keys: Sequence[int]) -> list[int]:
    """Those of ``track_keys`` that have no audio features, each once."""
    condition, ids = among(connection, "track_key", track_keys)
    query = text(f"SELECT track_key FROM audio_features WHERE {condition}")  # noqa: S608 - our own column
    return sorted(set(track_keys) - set(connection.scalars(query, {"ids": ids})))


def drop_unheard(connection: Connection, track_keys: Sequence[int]) -> None:
    """Take those of ``track_keys`` out of ``heard_tracks`` that have no listen any more. Reads every listen."""
    if not track_keys:
        return
    condition, ids = among(connection, "track_key", track_keys)
    gone = f"DELETE FROM heard_tracks WHERE {condition} AND track_key NOT IN (SELECT track_key FROM listens)"  # noqa: S608
    connection.execute(text(gone), {"ids": ids})


def recount_totals(connection: Connection) -> None:
    """Count everything again from the listens."""
    for statement in _RECOUNT:
        connection.execute(text(statement))


def recount_stale(connection: Connection) -> None:
    """Count everything again where the totals are stale."""
    if are_stale(connection):
        recount_totals(connection)


def refresh_totals(database: Database) -> None:
    """Count stale totals again, once a model is shown: before that, every batch of features would make them stale."""
    with database.read() as connection:
        wanted = are_stale(connection) and connection.scalar(text("SELECT 1 FROM models WHERE is_current = 1"))
    if wanted:
        with database.write() as connection:
            recount_stale(connection)


def _wait_for_labels(connection: Connection, track_keys: Sequence[int]) -> bool:
    current = connection.scalar(text("SELECT model_key FROM models WHERE is_current = 1"))
    condition, ids = among(connection, "track_key", track_keys)
    labelled = text(f"SELECT 1 FROM moods WHERE model_key = :current AND {condition} LIMIT 1")  # noqa: S608
    return current is not None and connection.scalar(labelled, {"current": current, "ids": ids}) is None


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

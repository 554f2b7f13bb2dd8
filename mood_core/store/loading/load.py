"""Loads a batch into its SQL table: rows and ledger entry in one transaction, so that a replay changes nothing.

The ids of a batch are replaced by integer keys in Arrow, once for each distinct id. Then all rows are inserted by one
statement, ``load_<dataset>`` of ``sql/queries/loading.sql``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.domain.records import ESTIMATED_PREFIX
from mood_core.lake import BatchFile
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.artists import release_years, replace_artists
from mood_core.store.loading.counted import forget_counts_of_tracks
from mood_core.store.loading.daily import (
    add_listens,
    labelled,
    recount_people,
    recount_unlabelled,
    serialise_counts,
)
from mood_core.store.loading.forgotten_rows import without_forgotten
from mood_core.store.loading.key_cache import LoadCache, invalidate_labels, key_cache_of
from mood_core.store.loading.keyed_rows import with_keys
from mood_core.store.loading.ledger import enter, take_over
from mood_core.store.loading.people_share import EVERYONE, PeopleShare
from mood_core.store.loading.person_labels import follow_heads, label_heard, with_own_labels
from mood_core.store.loading.queues import follow_features, follow_labels, follow_misses, follow_tracks
from mood_core.store.loading.ranks import forget_ranks_of
from mood_core.store.loading.replaced_codes import replaced_codes, take_back, without_replaced
from mood_core.store.loading.shifted_counts import follow_answers
from mood_core.store.loading.time_zones import ensure_offsets
from mood_core.store.loading.tombstones import lock_people, tombstones_loaded
from mood_core.store.loading.totals import add_to_totals, features_came, without_features

_COLUMNS = re.compile(r"\(([^)]+)\)")


def load_batch(database: Database, file: BatchFile, rows: pa.Table | Iterable[pa.Table], *, now: datetime) -> bool:
    """Load ``rows`` (in their dataset's schema) and write the ledger entry; False if it was loaded before.

    Rows are one table or, for files of any size, an iterable of tables, which is read only if the ledger does not have
    the batch.

    Raises:
        StoreBusy: Another writer held the database for too long.
        StoreError: The database refuses the rows; nothing is changed then.
    """
    with database.load() as connection:
        lock_people(connection)
        cache = key_cache_of(database).begin(connection)
        loaded = load_into(connection, file, rows, cache, now=now)
    cache.committed()
    return loaded


def load_into(
    connection: Connection,
    file: BatchFile,
    rows: pa.Table | Iterable[pa.Table],
    cache: LoadCache,
    *,
    now: datetime,
    keep_counts: bool = True,
    share: PeopleShare = EVERYONE,
) -> bool:
    """:func:`load_batch` inside a transaction. Without ``keep_counts``, the caller counts days and totals afterwards.

    Of datasets about people, only the rows of ``share`` are inserted.

    The rows of a compacted file are in SQL already if the ledger has every batch that it replaces. Rows of people who
    were forgotten, and gave no new consent before the batch was made, are dropped, and so are rows that an ISRC
    brought which was replaced since.
    """
    if not enter(connection, file, now):
        return False
    if not take_over(connection, file):
        load_rows(connection, file, rows, cache, keep_counts=keep_counts, share=share)
    return True


def load_rows(
    connection: Connection,
    file: BatchFile,
    rows: pa.Table | Iterable[pa.Table],
    cache: LoadCache,
    *,
    keep_counts: bool,
    share: PeopleShare,
) -> None:
    """:func:`load_into` without the ledger."""
    statement = f"load_{file.dataset}"
    columns = _columns_of(query(statement).text)
    for given in [rows] if isinstance(rows, pa.Table) else rows:
        table = _wanted(connection, file, given)
        if not table.num_rows:
            continue
        moved = _moving(connection, table) if file.dataset == "users" else []
        keyed = share.only(file.dataset, table, with_keys(connection, table, cache.track_keys).select(columns))
        new = _newly_featured(connection, file.dataset, keyed, keep_counts)
        years = release_years(connection, table) if file.dataset == "tracks" else {}
        replaced = replaced_codes(connection, table)
        inserted = insert_rows(connection, statement, keyed)
        moved += _follow(connection, file.dataset, table, years)
        if file.dataset == "tracks":
            take_back(connection, replaced, file.created_at, keep_counts=keep_counts)
        if keep_counts:
            _update_counts(connection, file.dataset, keyed, moved, inserted, cache)
            _update_queues(connection, file.dataset, table, keyed)
        if new and inserted:
            serialise_counts(connection)
            invalidate_labels(connection)
            features_came(connection, new, inserted, estimated=file.dataset == "estimated_features")
            forget_counts_of_tracks(connection, new)
        if file.dataset == "audio_features" or (file.dataset == "moods" and _has_estimates(table)):
            _replace_estimates(connection, keyed["track_key"].unique().to_pylist(), keep_counts=keep_counts)


def _wanted(connection: Connection, file: BatchFile, rows: pa.Table) -> pa.Table:
    """``rows`` of ``file`` without those of forgotten people and those that a replaced ISRC brought."""
    allowed = without_forgotten(connection, rows, file.created_at)
    return without_replaced(connection, file.dataset, allowed, file.created_at)


def _follow(connection: Connection, dataset: str, rows: pa.Table, years: Mapping[str, int | None]) -> list[int]:
    """Follow inserted ``rows`` in other tables; returns the keys of people whose days must be counted again."""
    if dataset == "tracks":
        forget_ranks_of(connection, replace_artists(connection, rows, years))
    elif dataset == "users":
        return ensure_offsets(connection, rows["timezone"].unique().to_pylist())
    elif dataset == "forgotten":
        tombstones_loaded(connection, rows.to_pylist())
    return []


def _has_estimates(moods: pa.Table) -> bool:
    return any(version.startswith(ESTIMATED_PREFIX) for version in moods["model_version"].unique().to_pylist())


def _replace_estimates(connection: Connection, track_keys: list[int], *, keep_counts: bool) -> None:
    """Remove the labels from estimated features of those of ``track_keys`` that have exact features."""
    removed = list(connection.scalars(query("remove_replaced_labels"), {"ids": track_keys}))
    if removed and keep_counts:
        serialise_counts(connection)
        invalidate_labels(connection)
        recount_unlabelled(connection, removed)


def _newly_featured(connection: Connection, dataset: str, keyed: pa.Table, keep_counts: bool) -> list[int]:
    """The tracks whose first audio features are in ``keyed``."""
    if dataset not in ("audio_features", "estimated_features") or not keep_counts:
        return []
    return without_features(connection, keyed["track_key"].to_pylist())


def _update_counts(
    connection: Connection, dataset: str, keyed: pa.Table, moved: list[int], inserted: int, cache: LoadCache
) -> None:
    if dataset == "listens" and inserted:
        serialise_counts(connection)
        tracks, places = np.unique(keyed["track_key"].to_numpy(), return_inverse=True)
        labels = cache.labels(connection, tracks).at(places)
        heard = keyed["user_key"].to_numpy(), keyed["track_key"].to_numpy()
        label_heard(connection, *heard)
        own = with_own_labels(connection, *heard, labels)
        add_listens(connection, keyed, inserted, labels, own)
        add_to_totals(connection, keyed, inserted, labels.sources, cache.record_listens(tracks))
    elif dataset == "moods" and inserted:
        serialise_counts(connection)
        invalidate_labels(connection)
        current = pa.array(connection.scalars(query("current_models")), pa.int64())
        tracks = keyed.filter(pc.is_in(keyed["model_key"], current))["track_key"].unique().to_pylist()
        labelled(connection, tracks)
        follow_labels(connection, tracks)
    elif dataset == "mood_answers" and inserted:
        serialise_counts(connection)
        follow_answers(connection, cache.labels, keyed)
    elif dataset == "mood_heads" and inserted:
        people = keyed["user_key"].unique().to_pylist()
        serialise_counts(connection)
        follow_heads(connection, people)
        recount_people(connection, people)
    elif dataset == "users":
        recount_people(connection, sorted(set(moved)))


def _update_queues(connection: Connection, dataset: str, rows: pa.Table, keyed: pa.Table) -> None:
    """Follow loaded ``rows``, ``keyed`` as in SQL, in the queues of tracks; labels are followed with the counts."""
    if dataset == "tracks":
        follow_tracks(connection, rows["track_id"].to_pylist())
    elif dataset == "audio_features":
        follow_features(connection, keyed["track_key"].to_pylist())
    elif dataset == "estimated_features":
        follow_labels(connection, keyed["track_key"].to_pylist())
    elif dataset == "feature_misses":
        follow_misses(connection, keyed["track_key"].unique().to_pylist())


def _moving(connection: Connection, users: pa.Table) -> list[int]:
    """The keys of stored people with another time zone in ``users``."""
    zones = dict(zip(users["user_id"].to_pylist(), users["timezone"].to_pylist(), strict=True))
    rows = connection.execute(query("time_zones_of"), {"ids": list(zones)})
    return [row.user_key for row in rows if zones[row.user_id] != row.timezone]


def _columns_of(statement: str) -> list[str]:
    match = _COLUMNS.search(statement)
    if match is None:
        raise ValueError("a loading statement names its columns")
    return [column.strip() for column in match.group(1).split(",")]

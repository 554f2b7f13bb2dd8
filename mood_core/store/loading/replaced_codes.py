"""Takes back what was found by the ISRC of a track after another ISRC has replaced it.

A wrong code gives a track the features of another recording. What batches from before the replacement have of it from
a source that searches by code is deleted, and never loaded again; the sources are called again, with the new code.
Catalogue files are searched by id and by code: what was found by id is found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.records import to_ms
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.counted import forget_all_counts
from mood_core.store.loading.daily import recount_unlabelled, serialise_counts
from mood_core.store.loading.head_labels import heads_in_use
from mood_core.store.loading.key_cache import invalidate_labels
from mood_core.store.loading.keys import raw_rows
from mood_core.store.loading.person_labels import find_labels_of
from mood_core.store.loading.queues import follow_labels
from mood_core.store.loading.stale_totals import mark_stale

SOURCE_COLUMNS: Mapping[str, str] = {
    "audio_features": "source",
    "feature_misses": "source",
    "moods": "feature_source",
}
"""The datasets with rows that a code can bring, and their column with the feature source."""

_BY_CODE = r"^(reccobeats:isrc$|catalog:)"
"""The sources that search by code, as in the statement that deletes their rows."""


def replaced_codes(connection: Connection, tracks: pa.Table) -> list[int]:
    """The keys of the stored tracks to which ``tracks``, rows that are not loaded yet, give another ISRC.

    There are none in rows of other datasets.
    """
    if "isrc" not in tracks.schema.names:
        return []
    ids, codes = tracks["track_id"].to_pylist(), tracks["isrc"].to_pylist()
    given = {id_: code for id_, code in zip(ids, map(normalised_isrc, codes), strict=True) if code}
    if not given:
        return []
    rows = raw_rows(connection.execute(query("stored_codes"), {"ids": list(given)}))
    return [key for track_id, key, isrc in rows if normalised_isrc(isrc) not in (None, given[track_id])]


def take_back(connection: Connection, track_keys: Sequence[int], at: datetime, *, keep_counts: bool) -> None:
    """Record that a batch of the time ``at`` replaced the ISRCs of ``track_keys``; delete what the old ones brought.

    Without ``keep_counts``, the features are loaded later.
    """
    if not track_keys:
        return
    connection.execute(query("record_replaced_codes"), {"ids": list(track_keys), "at": to_ms(at)})
    if not keep_counts:
        return
    values = {"ids": list(track_keys)}
    labelled = sorted(set(connection.scalars(query("remove_rows_by_code", "labels", table="moods"), values)))
    featured = list(connection.scalars(query("remove_rows_by_code", table="audio_features"), values))
    connection.execute(query("remove_rows_by_code", table="feature_misses"), values)
    if not labelled and not featured:
        return
    serialise_counts(connection)
    invalidate_labels(connection)
    mark_stale(connection, "audio features by a replaced ISRC were deleted")
    forget_all_counts(connection)
    for head in heads_in_use(connection):
        find_labels_of(connection, head.user_key, np.array(labelled, np.int64))
    recount_unlabelled(connection, labelled)
    follow_labels(connection, featured)


def without_replaced(connection: Connection, dataset: str, rows: pa.Table, created_at: datetime) -> pa.Table:
    """``rows`` of a batch of ``created_at`` without those that a later replaced ISRC brought."""
    column = SOURCE_COLUMNS.get(dataset)
    if column is None:
        return rows
    later = list(connection.scalars(query("replaced_after"), {"at": to_ms(created_at)}))
    if not later:
        return rows
    is_by_code = pc.match_substring_regex(rows[column].cast(pa.string()), _BY_CODE)
    is_of_track = pc.is_in(rows["track_id"].cast(pa.string()), pa.array(later, pa.string()))
    return rows.filter(pc.invert(pc.and_(is_by_code, is_of_track)))

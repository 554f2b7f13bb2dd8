"""Drops rows about tracks and names that only forgotten people had: their local files, and names that were not found.

These rows name no person, so tombstones do not keep them out. A run that read its input before or while a person was
forgotten writes such rows afterwards.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from mood_core.domain.spotify_ids import LOCAL_FILE
from mood_core.domain.track_names import plain_artist, plain_title
from mood_core.lake.schema import OF_TRACKS, RESOLUTIONS, TRACKS, Dataset
from mood_core.resolvers.resolver import FOUND
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.tombstones import half_forgotten_in, newest_forgetting
from mood_core.store.queries.resolution_rows import names_of_tracks

_RECENT_MS = 86_400_000
"""Longer than any run."""


def without_private_rows(connection: Connection, dataset: Dataset, rows: pa.Table) -> pa.Table:
    """``rows`` of a new batch without those about people who are forgotten, or are being forgotten.

    The caller has locked people. A local file that others played as well loses the row too while a person is being
    forgotten; the next run writes it again. Names of stored tracks are kept.
    """
    if dataset is RESOLUTIONS:
        gone = _of_unknown_names(connection, rows)
    elif dataset in OF_TRACKS:
        gone = _of_local_files(connection, dataset, rows)
    else:
        return rows
    return rows if gone is None else rows.filter(pc.invert(gone))


def _of_local_files(connection: Connection, dataset: Dataset, rows: pa.Table) -> pa.ChunkedArray | None:
    ids = pc.unique(rows["track_id"].cast(pa.string()))
    local = set(ids.filter(pc.starts_with(ids, LOCAL_FILE)).to_pylist())
    if not local or newest_forgetting(connection) == 0:
        return None
    gone = set[str]()
    for user_id in half_forgotten_in(connection):
        gone |= local.intersection(connection.scalars(query("local_files"), {"id": user_id}))
    if dataset is not TRACKS:
        gone |= local.difference(connection.scalars(query("stored_among"), {"ids": sorted(local)}))
    return pc.is_in(rows["track_id"].cast(pa.string()), pa.array(sorted(gone), pa.string()))


def _of_unknown_names(connection: Connection, rows: pa.Table) -> pa.ChunkedArray | None:
    unknown = pc.not_equal(rows["outcome"].cast(pa.string()), FOUND)
    # May be no time of Python: the lake refuses such rows later.
    asked_at_ms: int | None = pc.min(rows["resolved_at"]).value
    half = half_forgotten_in(connection)
    if asked_at_ms is None or (not half and newest_forgetting(connection) < asked_at_ms - _RECENT_MS):
        return None
    others = connection.execute(query("names_of_others"), {"ids": half})
    wanted = {(plain_artist(row.artist), plain_title(row.title)) for row in others}
    names = list(zip(rows["artist"].to_pylist(), rows["title"].to_pylist(), strict=True))
    unwanted = set(names) - wanted
    unwanted -= names_of_tracks(connection, unwanted)
    is_unwanted = pa.array([name in unwanted for name in names], pa.bool_())
    return pc.and_(unknown, pa.chunked_array([is_unwanted]))

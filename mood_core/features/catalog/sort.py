"""External sort of a stream of rows by track id, with one row per track and constant memory.

Rows are distributed to buckets by the first two characters of their id; then each bucket is sorted in memory and
appended to the result. Spotify's ids are 128-bit numbers in base 62, so their first two characters are distributed
evenly over about 500 values.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mood_core.domain.records import FEATURES
from mood_core.tabular.feature_rows import TEXTS, row_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIXES_PER_BUCKET = 16
_ROW_GROUP = 1 << 14


@dataclass(slots=True)
class SortCounts:
    """Distinct ``tracks`` written, and dropped rows: ``duplicates`` and ``conflicts``.

    A duplicate has the values of the kept row; a conflict has different values.
    """

    tracks: int = 0
    duplicates: int = 0
    conflicts: int = 0


def sort_to_parquet(
    rows: Iterable[pa.RecordBatch],
    work: Path,
    target: Path,
    progress: Callable[[float], None],
    metadata: Callable[[SortCounts], dict[str, str]],
) -> None:
    """Write ``rows`` to ``target``, sorted by ``track_id`` in row groups of 16,384 and fsynced; ``work`` is scratch.

    The first usable row of each track is kept, or the first row if none is usable. ``progress`` receives the fraction
    of merged buckets; merging starts at the end of the stream. ``metadata`` is written to the file.
    """
    from pyarrow import parquet

    buckets = _write_buckets(rows, work)
    counts = SortCounts()
    with target.open("wb") as stream:
        with parquet.ParquetWriter(stream, _written_schema(), compression="zstd", use_dictionary=False) as writer:
            for done, bucket in enumerate(buckets, start=1):
                writer.write_table(_one_a_track(bucket, counts), row_group_size=_ROW_GROUP)
                progress(done / len(buckets))
            writer.add_key_value_metadata(metadata(counts))
        stream.flush()
        os.fsync(stream.fileno())


def _written_schema() -> pa.Schema:
    import pyarrow as pa

    features = ((name, pa.float64()) for name in FEATURES)
    return pa.schema([("track_id", pa.string()), *features, *((name, pa.string()) for name in TEXTS)])


def _write_buckets(rows: Iterable[pa.RecordBatch], work: Path) -> list[Path]:
    """The bucket files, sorted by id."""
    import pyarrow as pa

    writers: dict[int, Any] = {}
    paths: dict[int, Path] = {}
    try:
        for batch in rows:
            for bucket, part in _split(batch):
                if bucket not in writers:
                    paths[bucket] = work / f"bucket-{bucket:04d}.arrow"
                    writers[bucket] = pa.ipc.new_file(str(paths[bucket]), row_schema())
                writers[bucket].write_batch(part)
    finally:
        for writer in writers.values():
            writer.close()
    return [paths[bucket] for bucket in sorted(paths)]


def _split(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    import numpy as np

    if batch.num_rows == 0:
        return
    buckets = _bucket_of(batch.column("track_id"))
    order = np.argsort(buckets, kind="stable")
    ordered = batch.take(order)
    edges = np.flatnonzero(np.diff(buckets[order])) + 1
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), batch.num_rows], strict=True):
        yield int(buckets[order[start]]), ordered.slice(start, end - start)


def _bucket_of(ids: pa.Array) -> NDArray[np.int64]:
    """The bucket of each of the 22-character ``ids``, in the same order."""
    import numpy as np
    import pyarrow as pa

    rank = np.zeros(256, dtype=np.int64)
    rank[np.frombuffer(_ALPHABET, dtype=np.uint8)] = np.arange(len(_ALPHABET))
    fixed = ids.cast(pa.binary()).cast(pa.binary(22))
    characters = np.frombuffer(fixed.buffers()[1], dtype=np.uint8).reshape(-1, 22)[fixed.offset :][: len(fixed)]
    prefix = rank[characters[:, 0]] * len(_ALPHABET) + rank[characters[:, 1]]
    buckets: NDArray[np.int64] = prefix // _PREFIXES_PER_BUCKET
    return buckets


def _one_a_track(bucket: Path, counts: SortCounts) -> pa.Table:
    import pyarrow as pa

    table = pa.ipc.open_file(pa.memory_map(str(bucket))).read_all()
    table = table.sort_by([("track_id", "ascending"), ("usable", "descending"), ("row", "ascending")])
    first = _starts(table)
    same = _same_as_kept(table, first)
    counts.tracks += int(first.sum())
    counts.duplicates += int((~first & same).sum())
    counts.conflicts += int((~first & ~same).sum())
    return table.filter(pa.array(first)).select(_written_schema().names)


def _starts(table: pa.Table) -> NDArray[np.bool_]:
    """(n,) bool: the first row of each track in a table sorted by track."""
    import numpy as np
    import pyarrow.compute as pc

    ids = table.column("track_id").combine_chunks()
    first = np.ones(len(ids), dtype=np.bool_)
    if len(ids) > 1:
        first[1:] = np.asarray(pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)))
    return first


def _same_as_kept(table: pa.Table, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) bool: whether each row has the values of its track's first row."""
    import numpy as np

    kept = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    same = np.ones(len(first), dtype=np.bool_)
    for name in FEATURES:
        values = table.column(name).to_numpy()
        same &= (values == values[kept]) | (np.isnan(values) & np.isnan(values[kept]))
    return same

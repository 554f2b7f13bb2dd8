"""The moods of any number of tracks from a file of features, at flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mood_core.classifier import Classifier
from mood_core.classifier.scoring import SCORES, score_batch
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import TableFile, find_files

PREDICTIONS = pa.schema([pa.field("track_id", pa.string(), nullable=False), *SCORES])
"""A row a track, in the file's order. ``mood`` is null where the row must not be labelled; ``problem`` says why."""


@dataclass(slots=True)
class PredictionCounts:
    """Rows ``read``, of which ``labelled``; those ``without_id`` or ``damaged`` are in no output.

    ``notes`` say what is missing in the file, and what of it is not read.
    """

    read: int = 0
    labelled: int = 0
    without_id: int = 0
    damaged: int = 0
    notes: list[str] = field(default_factory=list)


def predict_file(
    location: str, model: Classifier, out: Path, *, progress: Callable[[float], None] = lambda _: None
) -> PredictionCounts:
    """Write the moods of the tracks in the CSV or Parquet file(s) at ``location`` to the Parquet file ``out``.

    ``out`` appears only when the whole file has been read and found to be what it should be. ``progress`` receives the
    completed share, 0–1.

    Raises:
        InputError: The file has wrong columns, units or values; nothing is written then.
        ModelError: The model returned a value that is not a probability.
    """
    counts = PredictionCounts()
    files = find_files([location])
    sweep_temporary(out)
    part = temporary_path(out)
    try:
        with pq.ParquetWriter(part, PREDICTIONS, compression="zstd") as writer:
            for file in files:
                judged = (predictions(batch, model) for batch in _ahead(_batches(file, counts, progress)))
                for batch in _ahead(judged):
                    writer.write_batch(batch)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return counts


def _ahead(items: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """``items``, each made in a thread while the one before is used: reading, predicting and writing overlap."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def predictions(batch: pa.RecordBatch, model: Classifier) -> pa.RecordBatch:
    """Rows of :data:`PREDICTIONS` for a batch with ``track_id`` and the ten features."""
    return pa.RecordBatch.from_arrays(score_batch(batch, model).columns, schema=PREDICTIONS)


def _batches(file: TableFile, counts: PredictionCounts, progress: Callable[[float], None]) -> Iterator[pa.RecordBatch]:
    rows = RowCounts()
    for batch in feature_rows(file, rows, lambda at_byte: progress(min(at_byte / max(file.size, 1), 1.0))):
        counts.labelled += int(np.asarray(batch.column("usable")).sum())
        yield batch
    counts.read += rows.read + rows.damaged.count
    counts.without_id += rows.without_id
    counts.damaged += rows.damaged.count
    counts.notes += rows.notes

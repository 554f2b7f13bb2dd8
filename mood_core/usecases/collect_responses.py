"""Collects the responses of feature sources into few batch files without losing any in a crash."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.features.source import FetchResult
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, ESTIMATED_FEATURES, FEATURE_MISSES, RESOLUTIONS, TRACKS, Dataset
from mood_core.store.queries.pending_responses import PendingResponse, PendingResponses
from mood_core.usecases.batch_writer import BatchWriter

PUBLISH_EVERY = 2_000
"""Rows per batch file: 50 full responses of ReccoBeats."""

_DATASETS = (TRACKS, AUDIO_FEATURES, ESTIMATED_FEATURES, FEATURE_MISSES, RESOLUTIONS)


@dataclass(slots=True)
class CollectResponses:
    """Stores each response in SQL at once, and publishes every 2,000 rows as one batch, dated ``now``.

    ``alone`` is the lock of publishing, for processes that collect responses at the same time.
    """

    pending: PendingResponses
    batches: BatchWriter
    now: datetime
    alone: Callable[[], AbstractContextManager[None]] = nullcontext
    _rows: int = field(default=0, init=False)

    def keep(self, result: FetchResult) -> None:
        """Store one response durably.

        Raises:
            StoreError: The database or the lake fails.
        """
        responses = (TRACKS, result.learned), (AUDIO_FEATURES, result.found), (FEATURE_MISSES, result.misses)
        self.keep_tables([(dataset, to_table(dataset, rows)) for dataset, rows in responses])

    def keep_tables(self, tables: Sequence[tuple[Dataset, pa.Table]]) -> None:
        """Store the rows of one response, by dataset, like :meth:`keep`."""
        rows = sum(table.num_rows for dataset, table in tables if dataset is not TRACKS)  # which others describe
        if rows >= PUBLISH_EVERY:  # a catalogue file returns many tracks at once
            for dataset, table in tables:
                self.batches.add(dataset, table, now=self.now)
            return
        self.pending.keep({dataset.name: (table.num_rows, _written(table)) for dataset, table in tables if table})
        self._rows += rows
        if self._rows >= PUBLISH_EVERY:
            self.publish()

    def publish(self) -> None:
        """Publish all pending rows as batches, including those of an earlier run or of another process.

        Raises:
            StoreError: The database or the lake fails; the rows stay pending.
        """
        if self.pending.count():
            with self.alone():
                for dataset in _DATASETS:
                    sealed = self.pending.seal(dataset.name, self.batches.batch_time(self.now))
                    for created_at, responses in groupby(sealed, key=lambda response: response.created_at):
                        self._publish(dataset, list(responses), created_at)
        self._rows = 0

    def _publish(self, dataset: Dataset, responses: Sequence[PendingResponse], created_at: datetime) -> None:
        rows = _once_each(dataset, [_read(response.arrow) for response in responses])
        self.batches.add(dataset, rows, now=self.now, created_at=created_at)
        self.pending.remove([response.response_id for response in responses])


def drop_pending(pending: PendingResponses, dataset: Dataset, is_gone: Callable[[pa.Table], pa.ChunkedArray]) -> None:
    """Delete the pending rows of ``dataset`` for which ``is_gone`` is true.

    Raises:
        StoreError: The database fails.
    """
    for response in pending.of(dataset.name):
        rows = _read(response.arrow)
        others = rows.filter(pc.invert(is_gone(rows)))
        if others.num_rows == 0:
            pending.remove([response.response_id])
        elif others.num_rows < rows.num_rows:
            pending.change(response.response_id, others.num_rows, _written(others))


def pending_names(pending: PendingResponses) -> set[tuple[str, str]]:
    """The normalised (artist, title) of pending results of resolvers."""
    tables = [_read(response.arrow) for response in pending.of(RESOLUTIONS.name)]
    return {name for rows in tables for name in zip(rows["artist"].to_pylist(), rows["title"].to_pylist(), strict=True)}


def _written(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(memoryview(sink.getvalue())).decode("ascii")


def _read(arrow: str) -> pa.Table:
    with pa.ipc.open_stream(base64.b64decode(arrow)) as stream:
        return stream.read_all()


def _once_each(dataset: Dataset, tables: Sequence[pa.Table]) -> pa.Table:
    """Deduplicate the rows of ``tables`` by key; the first row wins."""
    rows = pa.concat_tables(tables).unify_dictionaries()
    keys = zip(*(rows[name].to_pylist() for name in dataset.key), strict=True)
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    return rows.take(sorted(first.values()))

"""Removes the stored plays of a person that were deleted or edited at their service, from SQL and the lake."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.records import Gap, ListenSource, to_ms
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import LISTENS, NAMED_PLAYS, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.queries.import_records import ImportRecords, PersonalRows
from mood_core.usecases.remove_rows import replace_by


def drop_changed(
    user_id: str, times: Collection[datetime], source: ListenSource, lake: Lake, database: Database, *, now: datetime
) -> None:
    """Remove the person's plays of ``source`` at ``times``.

    SQL comes first, then the files, so that a run that was stopped can be repeated. The caller holds the lock of the
    lake and the lease of the account.

    Raises:
        BatchCorrupt: A file cannot be read; nothing is changed.
        StoreError: The lake or the database fails; running it again completes it.
    """
    records = ImportRecords(database)
    of = _Changed(user_id, source, times, records, lake)
    listens, named = list(of.files(LISTENS, "played_at")), list(of.files(NAMED_PLAYS, "ended_at"))
    removed = PersonalRows(
        [(to_ms(row["played_at"]), row["track_id"]) for row in _rows(listens)],
        {(to_ms(row["ended_at"]), row["artist"], row["title"], row["ms_played"]) for row in _rows(named)},
    )
    records.remove_rows(user_id, removed)
    for file, _, others in (*listens, *named):
        replace_by(lake, database, file, others, now=now)


def to_read_again(user_id: str, times: Collection[datetime], now: datetime) -> Gap:
    """The gap that lets the next pull read the period of ``times`` again."""
    second = timedelta(seconds=1)
    return Gap(user_id, min(times) - second, max(times) + second, now)


_Split = tuple[BatchFile, pa.Table, pa.Table]
"""A file with the rows that go and those that stay."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """Finds the plays of a person in the lake that have the seconds of ``times``."""

    user_id: str
    source: ListenSource
    times: Collection[datetime]
    records: ImportRecords
    lake: Lake

    def files(self, dataset: Dataset, time: str) -> Iterator[_Split]:
        """The files with such plays, whose time is the column ``time``; none is older than its oldest play."""
        for path, _ in self.records.paths_since(dataset.name, min(self.times)):
            file, rows = self.lake.read(path)
            gone = self._are_changed(rows, time)
            if (going := rows.filter(gone)).num_rows:
                yield file, going, rows.filter(pc.invert(gone))

    def _are_changed(self, rows: pa.Table, time: str) -> pa.ChunkedArray:
        seconds = pa.array({to_ms(moment) // 1000 for moment in self.times}, pa.int64())
        gone = pc.is_in(pc.divide(rows[time].cast(pa.int64()), 1000), seconds)
        for name, value in (("user_id", self.user_id), ("source", self.source.value)):
            is_theirs = pc.is_in(rows[name].cast(pa.string()), pa.array([value]))  # false for an unknown source
            gone = pc.and_(gone, is_theirs)
        return gone


def _rows(files: Collection[_Split]) -> Iterator[dict[str, Any]]:
    return (row for _, going, _ in files for row in going.to_pylist())

"""Parquet first, then SQL: the one way facts get in."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake
from mood_core.schema import DATASETS, Dataset
from mood_core.store.daily import follow_time_zones
from mood_core.store.database import Database
from mood_core.store.ledger import loaded_among, newest_batch, paths_loaded_since
from mood_core.store.load import load_batch
from mood_core.store.totals import refresh_totals

LOOK_BACK = timedelta(days=31)
"""How far before the newest batch a run looks for files that are not loaded."""
_MOMENT = timedelta(milliseconds=1)

log = logging.getLogger(__name__)


class Batches:
    """Writes batches to the lake and loads them into SQL."""

    def __init__(self, lake: Lake, database: Database) -> None:
        self._lake = lake
        self._database = database

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime, created_at: datetime | None = None) -> int:
        """Publish ``rows`` as one batch file, then load it; returns how many rows it has. No rows, no file.

        The batch is dated by :meth:`moment`. With ``created_at``, the same rows are the same batch at any time: adding
        them again after a kill changes nothing.

        Raises:
            StoreError: The lake or the database refuses. A file that was published is loaded by the next run.
        """
        if rows.num_rows == 0:
            return 0
        file = self._lake.write(dataset, rows, created_at=created_at or self.moment(now))
        if created_at and loaded_among(self._database, [file.batch_id]):
            return file.row_count
        found, published = self._lake.stream(file.path)
        if found.sha256 != file.sha256:
            raise BatchCorrupt(f"{file.path} lies in the lake with other bytes; move it away and run again")
        load_batch(self._database, file, published, now=now)
        return file.row_count

    def moment(self, now: datetime) -> datetime:
        """``now``, or a millisecond after the newest batch where a clock was put back.

        No batch may be older than what it comes after, or as old: of some facts the first row counts, of others the
        last one.
        """
        newest = newest_batch(self._database)
        return now if newest is None else max(now, newest + _MOMENT)

    def finish(self, *, now: datetime, everywhere: bool = False) -> int:
        """Load what an earlier run published but did not live to load; returns how many batches.

        Only the months around the ledger's newest batch and later are looked at, because every run begins with this:
        its cost does not grow with the history. Where a wrong clock dated that batch ahead of ``now``, those around
        ``now`` are, too. What rewrites old files looks ``everywhere``. A damaged or foreign file is named in the log
        and costs no other. Local days follow what the time zone database says by now.
        """
        self._lake.sweep()
        follow_time_zones(self._database)
        refresh_totals(self._database)
        newest = newest_batch(self._database)
        since = min(newest, now) - LOOK_BACK if newest and not everywhere else None
        finished = 0
        for dataset in DATASETS:
            paths = {_batch_id(path): path for path in self._lake.paths(dataset, since=since)}
            for batch_id in sorted(set(paths) - loaded_among(self._database, list(paths))):
                finished += self._load(paths[batch_id], now)
        return finished

    def loaded_since(self, dataset: Dataset, moment: datetime) -> Iterator[pa.Table]:
        """The rows of the batches of ``dataset`` that were loaded since ``moment``.

        Raises:
            StoreError: The lake cannot be read.
        """
        for path in paths_loaded_since(self._database, dataset.name, moment):
            _, rows = self._lake.stream(path)
            yield from rows

    def _load(self, path: str, now: datetime) -> bool:
        try:
            file, rows = self._lake.stream(path)
            loaded = load_batch(self._database, file, rows, now=now)
        except BatchCorrupt as error:
            log.error("not loaded: %s; `moodlog verify` says more", error.message)  # noqa: TRY400 - it is told whole
            return False
        log.info("loaded %s, which an earlier run had published", path)
        return loaded


def _batch_id(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".parquet")

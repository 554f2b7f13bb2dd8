"""Writes facts: Parquet first, then SQL. All facts are stored through :meth:`BatchWriter.add`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import Connection

from mood_core.errors import BatchCorrupt, StoreBusy
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import DATASETS, FORGOTTEN, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.daily import follow_time_zones
from mood_core.store.loading.forgotten_rows import lifted, tombstone_row
from mood_core.store.loading.key_cache import key_cache_of
from mood_core.store.loading.ledger import loaded_among, newest_batch, paths_loaded_since
from mood_core.store.loading.load import load_batch, load_into
from mood_core.store.loading.tombstones import tombstone_of
from mood_core.store.loading.totals import refresh_totals
from mood_core.store.locks.named_locks import NamedLock, named_lock_unless_held
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.allowed_rows import allowed_rows, forgotten_among
from mood_core.usecases.personal_files import NO_FILES, PersonalFiles
from mood_core.usecases.remove_rows import has_forgotten, remove_forgotten

_WAIT_S = 60.0
LOOK_BACK = timedelta(days=31)
"""How far before the newest batch a run searches for files that are not loaded."""

_TICK = timedelta(milliseconds=1)

log = logging.getLogger(__name__)


class BatchWriter:
    """Writes batches to the lake and loads them into SQL.

    ``problems`` lists the foreign files that the last :meth:`load_unloaded` found and the files it could not load.
    """

    def __init__(self, lake: Lake, database: Database, personal_files: PersonalFiles = NO_FILES) -> None:
        self.problems: list[str] = []
        self.personal_files = personal_files
        self.lake = lake
        self.database = database

    def add(
        self,
        dataset: Dataset,
        rows: pa.Table,
        *,
        now: datetime,
        created_at: datetime | None = None,
        only_if: Callable[[Connection], bool] | None = None,
    ) -> int:
        """Publish ``rows`` as one batch file, then load it; returns the number of rows. Without rows, no file is made.

        :meth:`batch_time` dates the batch. With ``created_at`` this is idempotent: the same rows make the same batch,
        even after a crash. Rows of forgotten people are dropped, even if they were forgotten since this run read its
        input. ``only_if`` decides in the transaction whether anything is written.

        Raises:
            LockLost: Another run has acquired this run's exclusive lock or account lease; no file is made.
            StoreError: The lake or the database fails. The next run loads a file that was published.
        """
        if rows.num_rows == 0:
            return 0
        # The file is published inside the transaction, so that no other run can acquire the lock before the commit.
        with self.database.load() as connection:
            if only_if is not None and not only_if(connection):
                return 0
            wanted = allowed_rows(connection, dataset, rows)
            if wanted.num_rows == 0:
                return 0
            file = self.lake.write(dataset, wanted, created_at=created_at or self._batch_time(connection, now))
            if created_at and loaded_among(connection, [file.batch_id]):
                return file.row_count
            found, published = self.lake.stream(file.path)
            if found.sha256 != file.sha256:
                raise BatchCorrupt(f"{file.path} exists in the lake with different content; move it away and run again")
            cache = key_cache_of(self.database).begin(connection)
            load_into(connection, file, published, cache, now=now)
        cache.committed()
        return file.row_count

    def gone_among(self, user_ids: Collection[str]) -> set[str]:
        """The forgotten people among ``user_ids``, whose rows :meth:`add` drops."""
        with self.database.read() as connection:
            return forgotten_among(connection, user_ids)

    def add_tombstone(self, user_id: str, *, now: datetime) -> None:
        """Write the tombstone of ``user_id``: from now on, no row of theirs is stored or loaded.

        Raises:
            StoreError: The lake or the database fails. The next run loads a file that was published.
        """
        tombstone = tombstone_of(self.database, user_id)
        if tombstone is None or not tombstone.in_force:
            self.add(FORGOTTEN, tombstone_row(self.database, user_id, at=self.batch_time(now)), now=now)

    def lift_tombstone(self, user_id: str, *, now: datetime) -> None:
        """Lift the tombstone of ``user_id`` after a new consent. Rows from before the consent are still dropped.

        Raises:
            StoreError: The lake or the database fails.
        """
        tombstone = tombstone_of(self.database, user_id)
        if tombstone is not None and tombstone.in_force:
            self.add(FORGOTTEN, lifted(tombstone, at=self.batch_time(now)), now=now)

    def batch_time(self, now: datetime) -> datetime:
        """``now``, or a millisecond after the newest batch if the clock was set back.

        Every batch must be newer than all earlier ones, because for some facts the first row wins, for others the last.
        """
        with self.database.read() as connection:
            return self._batch_time(connection, now)

    def _batch_time(self, connection: Connection, now: datetime) -> datetime:
        newest = newest_batch(connection)
        return now if newest is None else max(now, newest + _TICK)

    def load_unloaded(self, *, now: datetime, everywhere: bool = False) -> int:
        """Load the files that are not in the ledger: what an interrupted run published; returns their number.

        Only the months since the ledger's newest batch are searched, and those around ``now`` if a wrong clock dated
        that batch in the future: every run starts with this, so its cost must not grow with the history. Use
        ``everywhere`` after old files were rewritten. Damaged and foreign files are logged and do not stop the others.
        Local days are updated to the current time zone database.
        """
        self.problems = []
        follow_time_zones(self.database)
        refresh_totals(self.database)
        Accounts(self.database).fill_name_keys()
        newest = newest_batch(self.database)
        since = min(newest, now) - LOOK_BACK if newest and not everywhere else None
        self.lake.sweep(since)
        finished = 0
        for dataset in DATASETS:
            finished += sum(self._load(path, now) for path in self.unloaded(dataset, since))
        if foreign := self.lake.foreign(since=since):
            verb = "file is" if len(foreign) == 1 else "files are"
            self.problems.append(
                f"{len(foreign)} {verb} foreign to the lake, such as {foreign[0]}; move the files that `moodlog verify`"
                " names out of it"
            )
        return finished

    def unloaded(self, dataset: str, since: datetime | None = None) -> list[str]:
        """Paths of the files that are not in the ledger, oldest first."""
        paths = {
            path.rpartition("/")[2].removesuffix(".parquet"): path for path in self.lake.paths(dataset, since=since)
        }
        return [paths[batch_id] for batch_id in sorted(paths.keys() - loaded_among(self.database, list(paths)))]

    def loaded_since(self, dataset: Dataset, since: datetime) -> Iterator[pa.Table]:
        """The rows of the batches of ``dataset`` that were loaded since a time.

        Raises:
            StoreError: The lake cannot be read.
        """
        for path in paths_loaded_since(self.database, dataset.name, since):
            _, rows = self.lake.stream(path)
            yield from rows

    def _load(self, path: str, now: datetime) -> bool:
        try:
            file, rows = self.lake.stream(path)
            if has_forgotten(self.lake, self.database, file):
                return self.remove_forgotten_from(file, now)
            loaded = load_batch(self.database, file, rows, now=now)
        except BatchCorrupt as error:
            self.problems.append(f"not loaded: {error.message}; run `moodlog verify` for details")
            log.error("not loaded: %s; run `moodlog verify` for details", error.message)  # noqa: TRY400 - expected
            return False
        log.info("loaded %s, which an interrupted run had published", path)
        return loaded

    def remove_forgotten_from(self, file: BatchFile, now: datetime) -> bool:
        """Replace ``file`` by one without forgotten people; False while another process rewrites the lake."""
        try:
            with named_lock_unless_held(self.database, NamedLock.UPKEEP):
                remove_forgotten(self.lake, self.database, file, now=now)
        except StoreBusy as error:
            log.warning("not loaded: %s has rows of a forgotten person, and %s", file.path, error.message)
            return False
        log.info("removed a forgotten person from %s, which a late run had published", file.path)
        return True

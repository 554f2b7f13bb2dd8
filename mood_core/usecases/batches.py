"""Parquet first, then SQL: the one way facts get in."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa
from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import BatchCorrupt, LockLost, StoreBusy, StoreError
from mood_core.lake import BatchFile, Lake
from mood_core.lake.schema import DATASETS, FORGOTTEN, PERSONAL, Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.daily import follow_time_zones
from mood_core.store.loading.load import load_batch, load_into
from mood_core.store.loading.totals import refresh_totals
from mood_core.store.locks.fences import leases_of, lost_leases
from mood_core.store.locks.named_locks import Turn, turn_unless_held
from mood_core.store.queries.ledger import (
    loaded_among,
    loaded_among_in,
    newest_batch,
    newest_batch_in,
    paths_loaded_since,
)
from mood_core.store.queries.tombstones import (
    all_people,
    buried,
    drop_people,
    half_forgotten,
    kept_out,
    lifted,
    lock_people,
    newest_forgetting,
    tombstone_of,
    tombstones_of,
    user_ids_of,
)
from mood_core.text.format import plural
from mood_core.usecases.elsewhere import NOWHERE, Elsewhere
from mood_core.usecases.remove_rows import any_forgotten, has_forgotten, take_out_forgotten

_WAIT_S = 60.0
LOOK_BACK = timedelta(days=31)
"""How far before the newest batch a run looks for files that are not loaded."""

_MOMENT = timedelta(milliseconds=1)

log = logging.getLogger(__name__)


class Batches:
    """Writes batches to the lake and loads them into SQL.

    ``problems`` has what the last :meth:`finish` found foreign or could not load in the lake, a sentence each.
    """

    def __init__(self, lake: Lake, database: Database, elsewhere: Elsewhere = NOWHERE) -> None:
        self.problems: list[str] = []
        self._elsewhere = elsewhere
        self._lake = lake
        self._database = database

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime, created_at: datetime | None = None) -> int:
        """Publish ``rows`` as one batch file, then load it; returns how many rows it has. No rows, no file.

        The batch is dated by :meth:`moment`. With ``created_at``, the same rows are the same batch at any time: adding
        them again after a kill changes nothing. Rows of people are left out where the person was forgotten, or has been
        since this run read what it writes.

        Raises:
            LockLost: Another run has acquired the exclusive lock or the account that this one held; no file is made.
            StoreError: The lake or the database refuses. A file that was published is loaded by the next run.
        """
        if rows.num_rows == 0:
            return 0
        # The file is published inside the transaction: between the checks and the commit nobody can take over.
        with self._database.load() as connection:
            wanted = self._allowed(connection, dataset, rows)
            if wanted.num_rows == 0:
                return 0
            file = self._lake.write(dataset, wanted, created_at=created_at or self._moment(connection, now))
            if created_at and loaded_among_in(connection, [file.batch_id]):
                return file.row_count
            found, published = self._lake.stream(file.path)
            if found.sha256 != file.sha256:
                raise BatchCorrupt(f"{file.path} lies in the lake with other bytes; move it away and run again")
            memory = self._database.remembered.begin(connection)
            load_into(connection, file, published, memory, now=now)
        memory.committed()
        return file.row_count

    def gone_among(self, user_ids: Collection[str]) -> set[str]:
        """Those of ``user_ids`` of whom :meth:`add` stores nothing, because they were forgotten."""
        with self._database.read() as connection:
            return _gone(connection, user_ids)

    def bury(self, user_id: str, *, now: datetime) -> None:
        """Write the tombstone of ``user_id``: from now on no row of theirs is stored or loaded.

        Raises:
            StoreError: The lake or the database refuses. A file that was published is loaded by the next run.
        """
        tombstone = tombstone_of(self._database, user_id)
        if tombstone is None or not tombstone.in_force:
            self.add(FORGOTTEN, buried(self._database, user_id, at=self.moment(now)), now=now)

    def welcome(self, user_id: str, *, now: datetime) -> None:
        """Lift the tombstone of ``user_id``, who gives a new consent. Rows from before it stay out.

        Where a run that forgot them was killed, it is completed first.

        Raises:
            StoreBusy: They are being forgotten at this moment.
            StoreError: The lake or the database refuses.
        """
        if user_id in half_forgotten(self._database):
            self._complete(user_id, now, wait_s=_WAIT_S)
        tombstone = tombstone_of(self._database, user_id)
        if tombstone is not None and tombstone.in_force:
            self.add(FORGOTTEN, lifted(tombstone, at=self.moment(now)), now=now)

    def moment(self, now: datetime) -> datetime:
        """``now``, or a millisecond after the newest batch where a clock was put back.

        No batch may be older than what it comes after, or as old: of some facts the first row counts, of others the
        last one.
        """
        with self._database.read() as connection:
            return self._moment(connection, now)

    def _moment(self, connection: Connection, now: datetime) -> datetime:
        newest = newest_batch_in(connection)
        return now if newest is None else max(now, newest + _MOMENT)

    def _allowed(self, connection: Connection, dataset: Dataset, rows: pa.Table) -> pa.Table:
        """``rows`` without those of people who were forgotten.

        Raises:
            LockLost: Another run has acquired the account of somebody else in ``rows``.
        """
        lock_people(connection, alone=dataset is FORGOTTEN)
        if dataset not in PERSONAL:
            return rows
        people, leases = set(user_ids_of(rows)), leases_of(connection)
        gone = _gone(connection, people)
        lost = lost_leases(connection, leases, people - gone) if leases else set()
        if lost:
            raise LockLost(
                f"another run has acquired the account {min(lost)} since; nothing was written, run this again"
            )
        if gone:
            log.warning(
                "left out the %s of %s forgotten meanwhile", dataset.name, plural(len(gone), "person", "people")
            )
        return drop_people(rows, sorted(gone))

    def finish(self, *, now: datetime, everywhere: bool = False) -> int:
        """Load what an earlier run published but did not live to load; returns how many batches.

        Only the months around the ledger's newest batch and later are looked at, because every run begins with this:
        its cost does not grow with the history. Where a wrong clock dated that batch ahead of ``now``, those around
        ``now`` are, too. What rewrites old files looks ``everywhere``. A damaged or foreign file is named in the log
        and costs no other. Local days follow what the time zone database says by now.

        A person whom a killed run was forgetting is forgotten completely, and a file with rows of somebody who was
        forgotten, which a late writer published, is replaced by one without them.
        """
        self.complete_forgettings(now=now)
        self.sweep_elsewhere()
        finished = self.load_unloaded(now=now, everywhere=everywhere)
        self._take_back_late_files(now)
        return finished

    def complete_forgettings(self, *, now: datetime) -> None:
        """Forget completely whom a killed run was forgetting; what cannot be completed yet is left to the next run."""
        for user_id in half_forgotten(self._database):
            self._complete(user_id, now)

    def sweep_elsewhere(self) -> None:
        """Delete what a late run has written into HOME of people who were forgotten."""
        if any_forgotten(self._database):
            self._elsewhere.sweep(partial(kept_out, self._database), partial(all_people, self._database))

    def load_unloaded(self, *, now: datetime, everywhere: bool = False) -> int:
        """The part of :meth:`finish` that loads batches."""
        self.problems = []
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
        if foreign := self._lake.foreign(since=since):
            verb = "file is" if len(foreign) == 1 else "files are"
            self.problems.append(
                f"{len(foreign)} {verb} foreign to the lake, such as {foreign[0]}; move what `moodlog verify` names"
                " out of it"
            )
        return finished

    def _take_back_late_files(self, now: datetime) -> None:
        """Take people who were forgotten lately out of files of any month that are not loaded.

        A merged file of an old month is published late where PostgreSQL ended the session of its writer in between.
        """
        with self._database.read() as connection:
            if newest_forgetting(connection) < to_ms(now - LOOK_BACK):
                return
        for dataset in PERSONAL:
            paths = {_batch_id(path): path for path in self._lake.paths(dataset.name)}
            for batch_id in sorted(set(paths) - loaded_among(self._database, list(paths))):
                with suppress(BatchCorrupt):  # `moodlog verify` names it
                    file, _ = self._lake.stream(paths[batch_id])
                    if has_forgotten(self._lake, self._database, file):
                        self._without_forgotten(file, now)

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
            if has_forgotten(self._lake, self._database, file):
                return self._without_forgotten(file, now)
            loaded = load_batch(self._database, file, rows, now=now)
        except BatchCorrupt as error:
            self.problems.append(f"not loaded: {error.message}; `moodlog verify` says more")
            log.error("not loaded: %s; `moodlog verify` says more", error.message)  # noqa: TRY400 - it is told whole
            return False
        log.info("loaded %s, which an earlier run had published", path)
        return loaded

    def _without_forgotten(self, file: BatchFile, now: datetime) -> bool:
        try:
            with turn_unless_held(self._database, Turn.UPKEEP):
                take_out_forgotten(self._lake, self._database, file, now=now)
        except StoreBusy as error:
            log.warning("not loaded: %s holds rows of a forgotten person, and %s", file.path, error.message)
            return False
        log.info("took a forgotten person out of %s, which a late run had published", file.path)
        return True

    def _complete(self, user_id: str, now: datetime, *, wait_s: float = 0.0) -> None:
        from mood_core.usecases.people.forget_person import complete_forgetting  # it stands on this module

        try:
            complete_forgetting(user_id, self._lake, self._database, self._elsewhere, now=now, wait_s=wait_s)
        except StoreError as error:
            if wait_s:
                raise
            log.warning("somebody is forgotten in part: %s; the next run goes on", error.message)


def _gone(connection: Connection, user_ids: Collection[str]) -> set[str]:
    """Those of ``user_ids`` who were forgotten, or have been since this run read what it writes."""
    leases = leases_of(connection)
    since = leases.since if leases else None
    return {
        user_id
        for user_id, stone in tombstones_of(connection, user_ids).items()
        if stone.in_force or (since is not None and to_ms(stone.forgotten_at) > since)
    }


def _batch_id(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".parquet")

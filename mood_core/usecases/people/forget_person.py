"""Forgets a person: deletes their token, their rows in every file of the lake, and their rows in SQL.

First a tombstone is written, then the files, and SQL last: the next run of anything finds the person there and
completes an interrupted run. A file that also has rows of others is replaced by one without the person's; the new file
names the old one as replaced, so that no reader loads rows twice.

Tracks, their names, features and moods describe recordings and stay. A person's own local files and names that
no resolver found are deleted with the last person who heard them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.domain.spotify_ids import LOCAL_FILE
from mood_core.errors import StoreError
from mood_core.lake import Lake
from mood_core.lake.schema import LISTENS, OF_TRACKS, PERSONAL, RESOLUTIONS, USERS, Dataset
from mood_core.resolvers.resolver import FOUND
from mood_core.store.engine.database import Database
from mood_core.store.loading.tombstones import half_forgotten, tombstone_of
from mood_core.store.locks.named_locks import NamedLock, named_lock, named_lock_unless_held
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.pending_responses import PendingResponses
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.upkeep import second_schema
from mood_core.text.sanitise import plain
from mood_core.usecases.batch_writer import BatchWriter
from mood_core.usecases.collect_responses import drop_pending
from mood_core.usecases.people.lake_complete import check_nothing_absent, check_nothing_unknown, files_of
from mood_core.usecases.people.whom_to_forget import names_in
from mood_core.usecases.personal_files import NO_FILES, PersonalFiles
from mood_core.usecases.remove_rows import replace_by

Predicate = Callable[[pa.Table], pa.ChunkedArray]
"""Which rows of a table are to go."""


@dataclass(slots=True)
class ForgetReport:
    """The number of deleted listens and local files in SQL.

    Also how many files of the lake were ``rewritten``, ``removed`` and ``checked``, and how many rows of Prefect's
    history were removed or changed (``runs``). ``left`` lists what may still contain the person: damaged databases, a
    log that another program reads, temporary files of other hosts, and settings in Prefect's pages. In
    ``forgotten_before`` is the day on which the person was forgotten already.
    """

    listens: int = 0
    local_files: int = 0
    rewritten: int = 0
    removed: int = 0
    checked: int = 0
    runs: int = 0
    left: tuple[str, ...] = ()
    forgotten_before: str | None = None


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    called: str = "",
    personal_files: PersonalFiles = NO_FILES,
    without: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere. Idempotent; the next run of anything completes an interrupted one.

    The tombstone is written first: from then on no row of the person is stored, loaded or rebuilt. Data in
    ``personal_files`` are deleted before the person's last row.

    Args:
        user_id: The person.
        lake: The lake.
        database: The database.
        owner: This run, as the owner of leases.
        now: The current time.
        called: Another name of the person, which is deleted from Prefect's history too.
        personal_files: Data outside lake and SQL.
        without: Files of the ledger that are lost.
        progress: Is called with the name of each dataset.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        LakeIncomplete: Lake and ledger do not have the same files; nothing is changed.
        BatchCorrupt: A file cannot be read, so the person may be in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with named_lock(database, NamedLock.UPKEEP):
        check_nothing_absent(lake, database, without)
        batches = BatchWriter(lake, database)
        present = files_of(lake)
        batches.load_unloaded(now=now, everywhere=True)
        check_nothing_unknown(lake, database, present)
        before = tombstone_of(database, user_id)
        PersonErasure(database).begin(user_id, owner, now=now)
        batches.add_tombstone(user_id, now=now)
        report = _forget(user_id, lake, database, now, personal_files, progress, called)
    if before is not None and before.in_force:
        report.forgotten_before = f"{before.forgotten_at:%Y-%m-%d}"
    return report


def complete_forgetting(user_id: str, batches: BatchWriter, *, now: datetime, wait_s: float = 0.0) -> None:
    """Complete the run of :func:`forget_person` for ``user_id``, if one was interrupted.

    Raises:
        StoreBusy: Another process is rewriting the lake, after ``wait_s`` seconds.
        BatchCorrupt: A file cannot be read.
        StoreError: The lake or the database fails.
    """
    if user_id not in half_forgotten(batches.database):
        return
    with named_lock_unless_held(batches.database, NamedLock.UPKEEP, wait_s=wait_s):
        if user_id in half_forgotten(batches.database):  # another process may have completed it while this one waited
            batches.load_unloaded(now=now, everywhere=True)
            batches.add_tombstone(user_id, now=now)
            _forget(user_id, batches.lake, batches.database, now, batches.personal_files, lambda _: None)


def _forget(
    user_id: str,
    lake: Lake,
    database: Database,
    now: datetime,
    personal_files: PersonalFiles,
    progress: Callable[[str], None],
    called: str = "",
) -> ForgetReport:
    second_schema.discard(database)
    erasure, accounts = PersonErasure(database), Accounts(database)
    own = accounts.with_id(user_id)
    names = {called, own.display_name if own else ""}
    names |= {name for id_, name in names_in(lake, lake.paths(USERS.name)) if id_ == user_id}

    def known(words: Collection[str]) -> set[str]:
        found = accounts.with_name_or_id({plain(word) for word in words})
        return {word for id_, name in found.items() if id_ != user_id for word in (id_, name)}

    rows = _RowsToForget(lake, database, now, progress, local=erasure.local_files(user_id))
    rows.remove(PERSONAL, lambda table: _is_in(table, "user_id", [user_id]))
    if files := sorted(rows.local - rows.heard_by_others):
        rows.remove(OF_TRACKS, lambda table: _is_in(table, "track_id", files))
    if unknown := erasure.own_names(user_id):
        rows.remove([RESOLUTIONS], lambda table: _is_unknown(table, unknown))
    removed = personal_files.remove(user_id, sorted(names - {""}), known)
    report = rows.report
    report.runs = removed.runs
    report.listens, report.local_files = erasure.end(user_id, files, unknown)
    report.left = (*lake.temporary_files(), *erasure.left, *removed.left)
    return report


@dataclass(slots=True)
class _RowsToForget:
    """Removes rows from the lake. Adds the person's local files to ``local`` and those of others to the other set."""

    lake: Lake
    database: Database
    now: datetime
    progress: Callable[[str], None]
    local: set[str]
    heard_by_others: set[str] = field(default_factory=set)
    report: ForgetReport = field(default_factory=ForgetReport)

    def remove(self, datasets: Sequence[Dataset], is_gone: Predicate) -> None:
        """Replace every file of ``datasets`` with rows that are to go by one without, and read every file again.

        Raises:
            StoreError: A row that is to go is still there.
        """
        for dataset in datasets:
            self.progress(dataset.name)
            drop_pending(PendingResponses(self.database), dataset, is_gone)
            for path in self.lake.superseded(dataset.name):
                self.lake.remove(path)
            for path in self.lake.paths(dataset.name):
                self._remove(dataset, path, is_gone)
        for dataset in datasets:
            for path in sorted({*self.lake.paths(dataset.name), *self.lake.superseded(dataset.name)}):
                self._check(dataset, path, is_gone)

    def _remove(self, dataset: Dataset, path: str, is_gone: Predicate) -> None:
        file, rows = self.lake.read(path)
        mask = is_gone(rows)
        others = rows.filter(pc.invert(mask))
        if others.num_rows == rows.num_rows:
            return
        if dataset is LISTENS:
            self.local |= _local_files(rows.filter(mask))
        if replace_by(self.lake, self.database, file, others, now=self.now):
            self.report.rewritten += 1
        else:
            self.report.removed += 1

    def _check(self, dataset: Dataset, path: str, is_gone: Predicate) -> None:
        self.report.checked += 1
        for rows in self.lake.stream(path)[1]:
            if pc.any(is_gone(rows)).as_py():
                raise StoreError(f"{path} still holds rows to be forgotten; run `moodlog forget` again")
            if dataset is LISTENS and self.local:
                self.heard_by_others |= _local_files(rows)


def _is_in(rows: pa.Table, column: str, values: list[str]) -> pa.ChunkedArray:
    return pc.is_in(rows[column].cast(pa.string()), pa.array(values, pa.string()))


def _is_unknown(rows: pa.Table, names: Collection[tuple[str, str]]) -> pa.ChunkedArray:
    """The answers of resolvers that did not find one of ``names``."""
    columns = (rows[name].to_pylist() for name in ("artist", "title", "outcome"))
    gone = [outcome != FOUND and (artist, title) in names for artist, title, outcome in zip(*columns, strict=True)]
    return pa.chunked_array([pa.array(gone, pa.bool_())])


def _local_files(listens: pa.Table) -> set[str]:
    ids = pc.unique(listens["track_id"].cast(pa.string()))
    return set(ids.filter(pc.starts_with(ids, LOCAL_FILE)).to_pylist())

"""Forgets a person: deletes their token, their rows in every file of the lake, and their rows in SQL.

First a tombstone is written, then the files, and SQL last: the next run of anything finds the person there and
completes an interrupted run. A file that also has rows of others is replaced by one without the person's; the new file
names the old one as replaced, so that no reader loads rows twice.

Tracks, their features and their moods describe recordings and stay. A person's own local files are deleted with the
last person who heard them, and so are names that no resolver found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import InputError, LakeIncomplete, StoreError
from mood_core.lake import Lake
from mood_core.lake.schema import DATASETS, LISTENS, OF_TRACKS, PERSONAL, RESOLUTIONS, USERS, Dataset
from mood_core.resolvers.resolver import FOUND
from mood_core.store.engine.database import Database
from mood_core.store.locks.named_locks import NamedLock, named_lock, named_lock_unless_held
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.ledger import entries
from mood_core.store.queries.person_erase import LOCAL_FILE, PersonErasure
from mood_core.store.queries.tombstones import half_forgotten, tombstone_of
from mood_core.text.format import plural
from mood_core.text.names import local_id, name_key
from mood_core.usecases.batches import Batches
from mood_core.usecases.elsewhere import NOWHERE, Elsewhere
from mood_core.usecases.people.manage_users import the_account
from mood_core.usecases.remove_rows import any_forgotten, replace_by

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


def whom_to_forget(user: str, lake: Lake, database: Database) -> str:
    """The id of the person ``user`` (an id or a name), who is in SQL, or only in the lake, or was forgotten already.

    Raises:
        InputError: No person, or more than one, has this id or name.
        BatchCorrupt: A file of the lake cannot be read.
    """
    accounts = Accounts(database)
    try:
        return the_account(accounts, user).user_id
    except InputError as error:
        if accounts.all([user]):
            raise
        found = _in_lake(user, lake) or _forgotten(user, database)
        if len(found) == 1:
            return found.pop()
        if not found and any_forgotten(database):
            raise InputError(
                f"{error.message}. People who were forgotten already are known only by their ids"
            ) from None
        raise


def _in_lake(user: str, lake: Lake) -> set[str]:
    """The ids of the people called ``user`` in the lake, also of those who have only listens, gaps or plays left."""
    for dataset in PERSONAL:
        for path in (*lake.paths(dataset.name), *lake.superseded(dataset.name)):
            if user in lake.people(path):
                return {user}
    paths = (*lake.paths(USERS.name), *lake.superseded(USERS.name))
    return {user_id for user_id, name in _names_in(lake, paths) if name_key(name) == name_key(user)}


def _names_in(lake: Lake, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for row in lake.read(path)[1].select(["user_id", "display_name"]).to_pylist():
            yield row["user_id"], row["display_name"]


def _forgotten(user: str, database: Database) -> set[str]:
    for user_id in (user, local_id(user)):
        tombstone = tombstone_of(database, user_id)
        if tombstone is not None and tombstone.in_force:
            return {user_id}
    return set()


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    called: str = "",
    elsewhere: Elsewhere = NOWHERE,
    without: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere. Idempotent; the next run of anything completes an interrupted one.

    The tombstone is written first: from then on no row of the person is stored, loaded or rebuilt. Data ``elsewhere``
    are deleted before the person's last row.

    Args:
        user_id: The person.
        lake: The lake.
        database: The database.
        owner: This run, as the owner of leases.
        now: The current time.
        called: Another name of the person, which is deleted from Prefect's history too.
        elsewhere: Data outside lake and SQL.
        without: Files of the ledger that are lost.
        progress: Is called with the name of each dataset.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        LakeIncomplete: Lake and ledger do not have the same files; nothing is changed.
        BatchCorrupt: A file cannot be read, so the person may be in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with named_lock(database, NamedLock.UPKEEP):
        _check_nothing_absent(lake, database, without)
        batches = Batches(lake, database)
        batches.load_unloaded(now=now, everywhere=True)
        _check_nothing_unknown(lake, database)
        before = tombstone_of(database, user_id)
        PersonErasure(database).begin(user_id, owner, now=now)
        batches.add_tombstone(user_id, now=now)
        report = _forget(user_id, lake, database, now, elsewhere, progress, called)
    if before is not None and before.in_force:
        report.forgotten_before = f"{before.forgotten_at:%Y-%m-%d}"
    return report


def complete_forgetting(
    user_id: str, lake: Lake, database: Database, elsewhere: Elsewhere, *, now: datetime, wait_s: float
) -> None:
    """Complete an interrupted run of :func:`forget_person` for ``user_id``.

    Raises:
        StoreBusy: Another process is rewriting the lake, after ``wait_s`` seconds.
        BatchCorrupt: A file cannot be read.
        StoreError: The lake or the database fails.
    """
    with named_lock_unless_held(database, NamedLock.UPKEEP, wait_s=wait_s):
        if user_id in half_forgotten(database):  # another process may have completed it while this one waited
            batches = Batches(lake, database)
            batches.load_unloaded(now=now, everywhere=True)
            batches.add_tombstone(user_id, now=now)
            _forget(user_id, lake, database, now, elsewhere, lambda _: None)


def _check_nothing_absent(lake: Lake, database: Database, without: Collection[str]) -> None:
    """Check that every file of the ledger except ``without`` is in the lake.

    Raises:
        LakeIncomplete: A file is absent.
    """
    paths = {path for dataset in DATASETS for path in (*lake.paths(dataset), *lake.superseded(dataset))}
    replaced = {id_ for path in paths for id_ in lake.replaces(path)}
    rows = (row for path, row in entries(database).items() if path not in paths | set(without))
    absent = sorted(row.path for row in rows if row.batch_id not in replaced)
    if absent:
        raise LakeIncomplete(
            f"{_first(absent)} of the ledger is not in the lake {lake.root}, so the person may still be in it; nothing"
            " was changed. Check MOODLOG_LAKE_URL and put the file back (`moodlog verify` lists all); if it is lost for"
            f" good, run this again with --even-without {absent[0]}"
        )


def _check_nothing_unknown(lake: Lake, database: Database) -> None:
    """Check that every file of the lake is in the ledger and can be read.

    Raises:
        LakeIncomplete: A file is unknown.
        BatchCorrupt: A file is damaged.
    """
    ledger = entries(database)
    unknown = sorted({path for dataset in DATASETS for path in lake.paths(dataset)} - ledger.keys())
    unknown += lake.foreign()
    if unknown:
        raise LakeIncomplete(
            f"{_first(unknown)} in the lake {lake.root} is not in the ledger, so the person may be in it; nothing was"
            " changed. `moodlog verify` says what is wrong with it; move it out of the lake, delete it if it holds the"
            " person, and run this again"
        )
    for dataset in PERSONAL:
        for path in lake.paths(dataset.name):
            lake.people(path)


def _first(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} (and {plural(len(paths) - 1, 'other')})"


def _forget(
    user_id: str,
    lake: Lake,
    database: Database,
    now: datetime,
    elsewhere: Elsewhere,
    progress: Callable[[str], None],
    called: str = "",
) -> ForgetReport:
    erasure, accounts = PersonErasure(database), Accounts(database).all()
    names = {called} | {account.display_name for account in accounts if account.user_id == user_id}
    names |= {name for id_, name in _names_in(lake, lake.paths(USERS.name)) if id_ == user_id}
    others = [account for account in accounts if account.user_id != user_id]
    known = {word for account in others for word in (account.user_id, account.display_name)}
    rows = _RowsToForget(lake, database, now, progress, local=erasure.local_files(user_id))
    rows.remove(PERSONAL, lambda table: _is_in(table, "user_id", [user_id]))
    if own := sorted(rows.local - rows.heard_by_others):
        rows.remove(OF_TRACKS, lambda table: _is_in(table, "track_id", own))
    if unknown := erasure.own_names(user_id):
        rows.remove([RESOLUTIONS], lambda table: _is_unknown(table, unknown))
    removed = elsewhere.remove(user_id, sorted(names - {""}), known)
    report = rows.report
    report.runs = removed.runs
    report.listens, report.local_files = erasure.end(user_id, own, unknown)
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

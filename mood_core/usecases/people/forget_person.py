"""Forgets a person: their token, their rows in every file of the lake, their rows in SQL.

A tombstone comes first, then the files, and SQL last, so that the next run of anything finds the person again and
completes what a killed one began. A file that
holds rows of others is replaced by one without the person's, which names the old one as replaced: whoever reads the
lake in between loads neither twice.

Tracks, their features and their moods are facts of recordings and stay. A person's own local files are not: what their
names tell goes with the last person who heard them, and so do names that no resolver found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
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
from mood_core.store.queries.tombstones import half_forgotten
from mood_core.text.format import plural
from mood_core.usecases.batches import Batches
from mood_core.usecases.elsewhere import NOWHERE, Elsewhere
from mood_core.usecases.people.manage_users import the_account
from mood_core.usecases.remove_rows import replace_by

Predicate = Callable[[pa.Table], pa.ChunkedArray]
"""Which rows of a table are to go."""


@dataclass(slots=True)
class ForgetReport:
    """What went: listens and titles of the person's own local files from SQL.

    And how many files of the lake were ``rewritten``, ``removed`` and ``checked``, and how many rows of Prefect's
    history of ``runs`` named the person. ``left`` names what may still hold the person: databases too damaged to be
    changed, a log that another program reads from, temporary files of other hosts, and settings in Prefect's pages.
    """

    listens: int = 0
    local_files: int = 0
    rewritten: int = 0
    removed: int = 0
    checked: int = 0
    runs: int = 0
    left: tuple[str, ...] = ()


def whom_to_forget(user: str, accounts: Accounts, lake: Lake) -> str:
    """The id of the person called ``user`` (an id or a name), whom SQL knows, or only the lake still does.

    Raises:
        InputError: Nobody is called so, or several are.
        BatchCorrupt: A file of the lake cannot be read.
    """
    try:
        return the_account(accounts, user).user_id
    except InputError:
        if accounts.all([user]):
            raise
        found = _in_lake(user, lake)
        if len(found) != 1:
            raise
        return found.pop()


def _in_lake(user: str, lake: Lake) -> set[str]:
    """The ids of people called ``user`` in the lake, also of those of whom only listens, gaps or plays are left."""
    found: set[str] = set()
    for dataset in PERSONAL:
        for path in (*lake.paths(dataset.name), *lake.superseded(dataset.name)):
            if user in lake.people(path):
                found.add(user)
            if dataset is USERS:
                rows = lake.read(path)[1].select(["user_id", "display_name"]).to_pylist()
                found |= {row["user_id"] for row in rows if row["display_name"] == user}
    return {user} if user in found else found


def _names_in_lake(user_id: str, lake: Lake) -> set[str]:
    """What the person is or was called, as the lake still knows it."""
    rows = (lake.read(path)[1].select(["user_id", "display_name"]).to_pylist() for path in lake.paths(USERS.name))
    return {row["display_name"] for table in rows for row in table if row["user_id"] == user_id}


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    elsewhere: Elsewhere = NOWHERE,
    without: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere; ``owner`` names this run. Killed anywhere, the next run of anything completes it.

    A tombstone is written first: from then on no row of the person is stored, loaded or rebuilt. What is kept
    ``elsewhere`` goes before the person's last row. ``without`` names files of the ledger that are lost.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        LakeIncomplete: A file of the ledger is absent, or one of the lake is not in the ledger; nothing is changed.
        BatchCorrupt: A file cannot be read, so nobody can tell whether the person is in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with named_lock(database, NamedLock.UPKEEP):
        check_nothing_absent(lake, database, without)
        batches = Batches(lake, database)
        batches.load_unloaded(now=now, everywhere=True)
        check_nothing_unknown(lake, database)
        PersonErasure(database).begin(user_id, owner, now=now)
        batches.add_tombstone(user_id, now=now)
        return _forget(user_id, lake, database, now, elsewhere, progress)


def complete_forgetting(
    user_id: str, lake: Lake, database: Database, elsewhere: Elsewhere, *, now: datetime, wait_s: float
) -> None:
    """Complete what a killed run of :func:`forget_person` began for ``user_id``.

    Raises:
        StoreBusy: Another process is rewriting the lake, after ``wait_s`` seconds.
        BatchCorrupt: A file cannot be read.
        StoreError: The lake or the database fails.
    """
    with named_lock_unless_held(database, NamedLock.UPKEEP, wait_s=wait_s):
        if user_id in half_forgotten(database):  # nobody completed it while this one waited
            batches = Batches(lake, database)
            batches.load_unloaded(now=now, everywhere=True)
            batches.add_tombstone(user_id, now=now)
            _forget(user_id, lake, database, now, elsewhere, lambda _: None)


def check_nothing_absent(lake: Lake, database: Database, without: Collection[str] = ()) -> None:
    """Stop where a file of the ledger is not in the lake; ``without`` names lost files that may be absent.

    Raises:
        LakeIncomplete: A file is absent; the sentence names it and what to do.
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


def check_nothing_unknown(lake: Lake, database: Database) -> None:
    """Stop where a file of the lake is not in the ledger, or cannot be read.

    Raises:
        LakeIncomplete: A file is unknown; the sentence names it and what to do.
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
) -> ForgetReport:
    forgetting = PersonErasure(database)
    names = forgetting.names(user_id) | _names_in_lake(user_id, lake)
    work = _Forgetting(lake, database, now, progress, local=forgetting.local_files(user_id))
    work.take_out(PERSONAL, lambda rows: _is(rows, "user_id", [user_id]))
    work.check(PERSONAL, lambda rows: _is(rows, "user_id", [user_id]))
    own = sorted(work.local - work.heard_by_others)
    if own:
        work.take_out(OF_TRACKS, lambda rows: _is(rows, "track_id", own))
        work.check(OF_TRACKS, lambda rows: _is(rows, "track_id", own))
    unknown = forgetting.own_names(user_id)
    if unknown:
        work.take_out([RESOLUTIONS], lambda rows: _is_unknown(rows, unknown))
        work.check([RESOLUTIONS], lambda rows: _is_unknown(rows, unknown))
    removed = elsewhere.remove(user_id, sorted(names))
    work.report.runs = removed.runs
    work.report.listens, work.report.local_files = forgetting.end(user_id, own, unknown)
    work.report.left = (*lake.temporary_files(), *forgetting.left, *removed.left)
    return work.report


@dataclass(slots=True)
class _Forgetting:
    """Takes rows out of the lake. ``local`` grows by the local files that the rows taken out tell of."""

    lake: Lake
    database: Database
    now: datetime
    progress: Callable[[str], None]
    local: set[str]
    heard_by_others: set[str] = field(default_factory=set)
    report: ForgetReport = field(default_factory=ForgetReport)

    def take_out(self, datasets: Iterable[Dataset], gone: Predicate) -> None:
        """Replace every file of ``datasets`` that has rows to go by one without them, or by none."""
        for dataset in datasets:
            self.progress(dataset.name)
            for path in self.lake.superseded(dataset.name):
                self.lake.remove(path)
            for path in self.lake.paths(dataset.name):
                self._take_out(dataset, path, gone)

    def _take_out(self, dataset: Dataset, path: str, gone: Predicate) -> None:
        file, rows = self.lake.read(path)
        mask = gone(rows)
        others = rows.filter(pc.invert(mask))
        if others.num_rows == rows.num_rows:
            return
        if dataset is LISTENS:
            self.local |= _local_files(rows.filter(mask))
        if replace_by(self.lake, self.database, file, others, now=self.now):
            self.report.rewritten += 1
        else:
            self.report.removed += 1

    def check(self, datasets: Iterable[Dataset], gone: Predicate) -> None:
        """Read every file of ``datasets`` again, and learn which local files others heard.

        Raises:
            StoreError: A row that was to go is still there.
        """
        for dataset in datasets:
            for path in sorted({*self.lake.paths(dataset.name), *self.lake.superseded(dataset.name)}):
                self.report.checked += 1
                for rows in self.lake.stream(path)[1]:
                    if pc.any(gone(rows)).as_py():
                        raise StoreError(f"{path} still holds rows to be forgotten; run `moodlog forget` again")
                    if dataset is LISTENS and self.local:
                        self.heard_by_others |= _local_files(rows)


def _is(rows: pa.Table, column: str, values: list[str]) -> pa.ChunkedArray:
    return pc.is_in(rows[column].cast(pa.string()), pa.array(values, pa.string()))


def _is_unknown(rows: pa.Table, names: Collection[tuple[str, str]]) -> pa.ChunkedArray:
    """The answers of resolvers that did not find one of ``names``."""
    columns = (rows[name].to_pylist() for name in ("artist", "title", "outcome"))
    gone = [outcome != FOUND and (artist, title) in names for artist, title, outcome in zip(*columns, strict=True)]
    return pa.chunked_array([pa.array(gone, pa.bool_())])


def _local_files(listens: pa.Table) -> set[str]:
    ids = pc.unique(listens["track_id"].cast(pa.string()))
    return set(ids.filter(pc.starts_with(ids, LOCAL_FILE)).to_pylist())

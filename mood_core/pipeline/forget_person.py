"""Forgets a person: their token, their rows in every file of the lake, their rows in SQL.

The files come first and SQL last, so that a run that was killed finds the person again and completes. A file that
holds rows of others is replaced by one without the person's, which names the old one as replaced: whoever reads the
lake in between loads neither twice.

Tracks, their features and their moods are facts of recordings and stay. A person's own local files are not: what their
names tell goes with the last person who heard them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mood_core.errors import InputError, StoreError
from mood_core.lake import Lake
from mood_core.pipeline.batches import Batches
from mood_core.pipeline.keep_aside import drop_rows_aside
from mood_core.pipeline.manage_users import the_account
from mood_core.schema import DATASETS, LISTENS, USERS, Dataset
from mood_core.store.accounts import Accounts
from mood_core.store.database import Database
from mood_core.store.forgetting import LOCAL_FILE, Forgetting
from mood_core.store.ledger import remove
from mood_core.store.load import load_batch
from mood_core.store.turns import Turn, turn

PERSONAL = tuple(dataset for dataset in DATASETS.values() if "user_id" in dataset.schema.names)
"""Datasets whose rows belong to a person."""

OF_TRACKS = tuple(
    dataset for dataset in DATASETS.values() if dataset not in PERSONAL and "track_id" in dataset.schema.names
)
"""Datasets whose rows are facts of recordings."""

Predicate = Callable[[pa.Table], pa.ChunkedArray]
"""Which rows of a table are to go."""


@dataclass(slots=True)
class ForgetReport:
    """What went: listens and titles of the person's own local files from SQL.

    And how many files of the lake were ``rewritten``, ``removed`` and ``checked``. ``left`` names the files that may
    still hold the person, because they are too damaged to be changed.
    """

    listens: int = 0
    local_files: int = 0
    rewritten: int = 0
    removed: int = 0
    checked: int = 0
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
    found: set[str] = set()
    for path in lake.paths(USERS.name):
        for row in lake.read(path)[1].select(["user_id", "display_name"]).to_pylist():
            if user in row.values():
                found.add(row["user_id"])
    return found


def forget_person(
    user_id: str,
    lake: Lake,
    database: Database,
    *,
    owner: str,
    now: datetime,
    quarantine: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ForgetReport:
    """Forget ``user_id`` everywhere; ``owner`` names this run. Killed anywhere and called again, it completes.

    The rows that an import has set aside in the folder ``quarantine`` go as well.

    Raises:
        StoreBusy: A living run is pulling the account, or another process is rewriting the lake.
        BatchCorrupt: A file cannot be read, so nobody can tell whether the person is in it.
        StoreError: The lake or the database fails, or the person is still in a file afterwards.
    """
    with turn(database, Turn.UPKEEP):
        if quarantine is not None:
            drop_rows_aside(quarantine, user_id)
        return _forget(user_id, lake, database, owner, now, progress)


def _forget(
    user_id: str, lake: Lake, database: Database, owner: str, now: datetime, progress: Callable[[str], None]
) -> ForgetReport:
    forgetting = Forgetting(database)
    forgetting.begin(user_id, owner, now=now)
    Batches(lake, database).finish(now=now, everywhere=True)
    work = _Forgetting(lake, database, now, progress, local=forgetting.local_files(user_id))
    work.take_out(PERSONAL, lambda rows: _is(rows, "user_id", [user_id]))
    work.check(PERSONAL, lambda rows: _is(rows, "user_id", [user_id]))
    own = sorted(work.local - work.heard_by_others)
    if own:
        work.take_out(OF_TRACKS, lambda rows: _is(rows, "track_id", own))
        work.check(OF_TRACKS, lambda rows: _is(rows, "track_id", own))
    work.report.listens, work.report.local_files = forgetting.end(user_id, own)
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
        if others.num_rows:
            load_batch(self.database, self.lake.compact(dataset, others, [file]), others, now=self.now)
            self.report.rewritten += 1
            return
        with self.database.write(durable=True) as connection:
            remove(connection, [file.batch_id])
        self.lake.remove(path)
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


def _local_files(listens: pa.Table) -> set[str]:
    ids = pc.unique(listens["track_id"].cast(pa.string()))
    return set(ids.filter(pc.starts_with(ids, LOCAL_FILE)).to_pylist())

"""Compares SQL with the lake row by row, while imports, forgetting and backups continue.

A snapshot of SQL is taken under the upkeep lock, which takes seconds. Then a temporary database (one for each worker)
is filled from the files in the snapshot's ledger. Files never change; if one was compacted or rewritten before it was
read, the comparison starts again with a new snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mood_core.errors import BatchCorrupt, StoreBusy
from mood_core.lake import Lake
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.snapshot import snapshot
from mood_core.store.loading.ledger import entries
from mood_core.store.loading.people_share import PeopleShare
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.mood_rows import current_version
from mood_core.store.upkeep.table_digests import TABLES, Digests, digests
from mood_core.usecases.upkeep.child_processes import child_processes
from mood_core.usecases.upkeep.lake_digests import LakeDigests, LakeShare, lake_digests

_ATTEMPTS = 3

Difference = tuple[str, str, int, int]
"""Table, person or first character of track ids, rows in SQL, rows in the lake."""

Progress = Callable[[int, int], None]


class _Rewritten(Exception):
    """A file of the snapshot's ledger was compacted or rewritten before it was read."""


def compare_rows(
    lake: Lake, database: Database, now: datetime, progress: Progress, *, workers: int = 1
) -> list[Difference]:
    """The differences between SQL and the files in its ledger; ``progress`` receives the steps done and their total.

    With more than one of ``workers``, each is a process that loads the people of its share, while this one reads SQL.

    Raises:
        StoreBusy: Another process holds the lock, or rewrote the lake in each of three attempts.
        StoreError: The database or the lake cannot be read.
    """
    for _ in range(_ATTEMPTS):
        with suppress(_Rewritten):
            return _compare(lake, database, now, progress, workers)
    raise StoreBusy("the lake was rewritten during the comparison; run `moodlog verify --deep` again in some minutes")


def _compare(lake: Lake, database: Database, now: datetime, progress: Progress, workers: int) -> list[Difference]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodlog-verify-")))
        with _frozen(database, folder) as connection:
            files = frozenset(entries(connection))
            current = tuple(filter(None, [current_version(connection, estimated=each) for each in (False, True)]))
            shares = [PeopleShare(number, workers) for number in range(workers)]
            parts = [LakeShare(lake, files, current, folder, now, share) for share in shares]
            # They start before SQL is read, which takes one core for a while.
            children = stack.enter_context(child_processes(lake_digests, parts if workers > 1 else []))
            steps = len(files) + 2 * len(TABLES)
            in_sql = _digests(connection, lambda done: progress(done, steps))

        def report(share: float) -> None:
            progress(len(TABLES) + int(share * (steps - len(TABLES))), steps)

        def load() -> list[LakeDigests]:
            if workers > 1:
                return children.results(report)
            return [lake_digests(parts[0], lambda done, of: report(done / of))]

        in_lake = _merged(_unless_rewritten(load, files, database))
    return [difference for table in TABLES for difference in _differences(table, in_sql[table], in_lake[table])]


@contextmanager
def _frozen(database: Database, folder: Path) -> Iterator[Connection]:
    """A connection to a snapshot at a time when no process was rewriting the lake; it blocks no writer.

    On SQLite a copy is read: a long transaction would prevent forgetting from emptying the write-ahead log.
    """
    if database.file is None:
        with database.read() as connection:
            with named_lock(database, NamedLock.UPKEEP):
                current_version(connection)  # the snapshot is that of the first query
            yield connection
        return
    with named_lock(database, NamedLock.UPKEEP):
        snapshot(database.file, folder / "sql.db")
    with closing(open_database(f"sqlite:///{folder / 'sql.db'}")) as copy, copy.read() as connection:
        yield connection


def _unless_rewritten(
    load: Callable[[], list[LakeDigests]], files: frozenset[str], database: Database
) -> list[LakeDigests]:
    """The result of ``load``, unless it missed some of ``files`` that the ledger no longer has."""
    try:
        loaded = load()
    except BatchCorrupt as error:
        if files - entries(database).keys():
            raise _Rewritten from error
        raise
    if any(count < len(files) for count, _ in loaded) and files - entries(database).keys():
        raise _Rewritten
    return loaded


def _digests(connection: Connection, progress: Callable[[int], None]) -> dict[str, Digests]:
    found = {}
    for number, table in enumerate(TABLES, start=1):
        found[table] = digests(connection, table)
        progress(number)
    return found


def _merged(shares: Sequence[LakeDigests]) -> dict[str, Digests]:
    """The digests of all shares, which have different people, and are the same without people."""
    found: dict[str, Digests] = {table: {} for table in TABLES}
    for _, tables in shares:
        for table, of_table in tables.items():
            found[table].update(of_table)
    return found


def _differences(table: str, in_sql: Digests, in_lake: Digests) -> Iterator[Difference]:
    for key in sorted(in_sql.keys() | in_lake.keys()):
        ours, theirs = in_sql.get(key, (0, 0)), in_lake.get(key, (0, 0))
        if ours != theirs:
            yield table, key, ours[0], theirs[0]

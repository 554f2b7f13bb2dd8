"""Compares SQL with the lake row by row, while imports, forgetting and backups continue.

A snapshot of SQL is taken under the upkeep lock, which takes seconds. Then a temporary database is filled from the
files in the snapshot's ledger. Files never change; if one was compacted or rewritten before it was read, the comparison
starts again with a new snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mood_core.errors import BatchCorrupt, StoreBusy
from mood_core.lake import Lake
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.snapshot import snapshot
from mood_core.store.loading.ledger import LedgerRow, entries
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.mood_rows import MoodRows, current_version
from mood_core.store.upkeep.table_digests import TABLES, Digests, digests
from mood_core.usecases.upkeep.fill_database import fill_database

_ATTEMPTS = 3

Difference = tuple[str, str, int, int]
"""Table, person or first character of track ids, rows in SQL, rows in the lake."""

Progress = Callable[[int, int], None]


class _Rewritten(Exception):
    """A file of the snapshot's ledger was compacted or rewritten before it was read."""


def compare_rows(lake: Lake, database: Database, now: datetime, progress: Progress) -> list[Difference]:
    """The differences between SQL and the files in its ledger; ``progress`` receives the steps done and their total.

    Raises:
        StoreBusy: Another process holds the lock, or rewrote the lake in each of three attempts.
        StoreError: The database or the lake cannot be read.
    """
    for _ in range(_ATTEMPTS):
        with suppress(_Rewritten):
            return _compare(lake, database, now, progress)
    raise StoreBusy("the lake was rewritten during the comparison; run `moodlog verify --deep` again in some minutes")


def _compare(lake: Lake, database: Database, now: datetime, progress: Progress) -> list[Difference]:
    with tempfile.TemporaryDirectory(prefix="moodlog-verify-") as folder:
        with _frozen(database, Path(folder)) as connection:
            ledger = entries(connection)
            current = [current_version(connection, estimated=estimated) for estimated in (False, True)]
            steps = len(ledger) + 2 * len(TABLES)
            in_sql = _digests(connection, lambda done: progress(done, steps))
        done = len(TABLES)
        with closing(open_database(f"sqlite:///{Path(folder) / 'lake.db'}")) as other:
            migrate(other, now=now)
            for version in filter(None, current):
                MoodRows(other).set_current(version)
            _fill(lake, other, database, ledger, now, lambda files: progress(done + files, steps))
            with other.read() as connection:
                in_lake = _digests(connection, lambda tables: progress(done + len(ledger) + tables, steps))
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


def _fill(
    lake: Lake,
    other: Database,
    database: Database,
    ledger: dict[str, LedgerRow],
    now: datetime,
    progress: Callable[[int], None],
) -> None:
    try:
        files, _ = fill_database(
            lake, other, now=now, wanted=ledger.__contains__, progress=lambda done, _total: progress(done)
        )
    except BatchCorrupt as error:
        if ledger.keys() - entries(database).keys():
            raise _Rewritten from error
        raise
    if files < len(ledger) and ledger.keys() - entries(database).keys():
        raise _Rewritten


def _digests(connection: Connection, progress: Callable[[int], None]) -> dict[str, Digests]:
    found = {}
    for number, table in enumerate(TABLES, start=1):
        found[table] = digests(connection, table)
        progress(number)
    return found


def _differences(table: str, in_sql: Digests, in_lake: Digests) -> Iterator[Difference]:
    for key in sorted(in_sql.keys() | in_lake.keys()):
        ours, theirs = in_sql.get(key, (0, 0)), in_lake.get(key, (0, 0))
        if ours != theirs:
            yield table, key, ours[0], theirs[0]

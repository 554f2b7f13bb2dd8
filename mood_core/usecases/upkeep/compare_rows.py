"""Compares SQL with the lake row by row, while imports, forgetting and backups go on.

A snapshot of SQL is taken under the upkeep lock, which takes seconds. Then a database of its own is filled from the
files that the snapshot's ledger names. Files never change; where one was compacted or rewritten before it was read, the
comparison starts again from a new snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mood_core.errors import BatchCorrupt, StoreBusy
from mood_core.lake import Lake
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.snapshot import snapshot
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.ledger import LedgerRow, entries
from mood_core.store.queries.mood_rows import MoodRows, current_version
from mood_core.store.queries.table_digests import TABLES, Digests, digests
from mood_core.usecases.upkeep.fill_database import fill_database

_ATTEMPTS = 3

Difference = tuple[str, str, int, int]
"""Table, person or first character of track ids, rows in SQL, rows in the lake."""

Progress = Callable[[int, int], None]


class _Rewritten(Exception):
    """A file of the snapshot's ledger was compacted or rewritten before it was read."""


def compare_rows(lake: Lake, database: Database, now: datetime, progress: Progress) -> list[Difference]:
    """Where SQL does not hold the rows of the files in its ledger; ``progress`` gets the steps done and their number.

    Raises:
        StoreBusy: Another process holds the lock, or rewrote the lake three times meanwhile.
        StoreError: The database or the lake cannot be read.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _compare(lake, database, now, progress)
        except _Rewritten:
            continue
    raise StoreBusy("the lake was rewritten while it was compared; run `moodlog verify --deep` again in some minutes")


def _compare(lake: Lake, database: Database, now: datetime, progress: Progress) -> list[Difference]:
    with tempfile.TemporaryDirectory(prefix="moodlog-verify-") as folder:
        with _frozen(database, Path(folder)) as connection:
            ledger, current = entries(connection), current_version(connection)
            steps = len(ledger) + 2 * len(TABLES)
            ours = _held(connection, lambda done: progress(done, steps))
        done = len(TABLES)
        with closing(open_database(f"sqlite:///{Path(folder) / 'lake.db'}")) as other:
            migrate(other, now=now)
            if current is not None:
                MoodRows(other).set_current(current)
            _fill(lake, other, database, ledger, now, lambda files: progress(done + files, steps))
            with other.read() as connection:
                theirs = _held(connection, lambda tables: progress(done + len(ledger) + tables, steps))
    return [difference for table in TABLES for difference in _differences(table, ours[table], theirs[table])]


@contextmanager
def _frozen(database: Database, folder: Path) -> Iterator[Connection]:
    """A connection that reads one state, in which nobody was rewriting the lake; it holds up no writer.

    On SQLite a copy is read: a long transaction would keep forgetting from emptying the write-ahead log.
    """
    if database.file is None:
        with database.read() as connection:
            with named_lock(database, NamedLock.UPKEEP):
                current_version(connection)  # the first query decides which state is read
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
        filled = fill_database(
            lake, other, now=now, wanted=ledger.__contains__, progress=lambda done, _total: progress(done)
        )
    except BatchCorrupt as error:
        if ledger.keys() - entries(database).keys():
            raise _Rewritten from error
        raise
    if filled.files < len(ledger) and ledger.keys() - entries(database).keys():
        raise _Rewritten


def _held(connection: Connection, progress: Callable[[int], None]) -> dict[str, Digests]:
    held = {}
    for number, table in enumerate(TABLES, start=1):
        held[table] = digests(connection, table)
        progress(number)
    return held


def _differences(table: str, ours: Digests, theirs: Digests) -> Iterator[Difference]:
    nothing = (0, 0)
    for key in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(key, nothing), theirs.get(key, nothing)
        if mine != other:
            yield table, key, mine[0], other[0]

"""Divides the listens and daily counts of a PostgreSQL database into partitions by person, or joins them again.

Safe to rerun after a crash, at any moment: it continues with the first step that is not done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from datetime import datetime

from mood_core.errors import InputError, StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.partitions import PARTITIONED, count_partitions
from mood_core.store.engine.statistics import update_statistics
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.upkeep import partitioning
from mood_core.store.upkeep.replacing import replacing

_PAGES = 8192
_PEOPLE = 200
_ROUNDS = 20


def partition_database(
    database: Database,
    partitions: int,
    *,
    now: datetime,
    workers: int = 1,
    pages: int = _PAGES,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> bool:
    """Move the rows into ``partitions`` (1: one table) on ``workers`` connections; False if they are there already.

    Other processes continue to read and to pull; imports, forgetting and labelling wait. ``pages`` (of 8 KB) are copied
    in one transaction. ``progress`` is called with the number of steps done and of all.

    Raises:
        InputError: The database is SQLite, which has no partitions.
        ConfigError: Something of others depends on the tables that are replaced; nothing is changed.
        StoreBusy: Another process holds a lock.
        StoreError: The database fails, or the copy differs. The old tables then stay in use.
    """
    _refuse_sqlite(database)
    with named_lock(database, NamedLock.UPKEEP), named_lock(database, NamedLock.LABELS):
        with database.write() as connection:
            begun = partitioning.is_begun(connection)
            if begun and not partitioning.can_continue(connection, partitions):
                partitioning.drop_new_tables(connection)
                begun = False
            if not begun and count_partitions(connection) == partitions:
                return False
            partitioning.check_additions(connection)
            if not begun:
                partitioning.begin(connection, partitions, pages)
        _copy(database, workers, progress)
        with database.read() as connection:
            if not partitioning.is_complete(connection):
                raise StoreError(
                    "the copied tables have other rows; run `moodlog partition --cancel`, then run it again"
                )
        replacing(database, lambda connection: partitioning.replace_tables(connection, now=now))
        with database.write() as connection:
            update_statistics(connection, PARTITIONED)  # autovacuum never does this for a table with partitions
    return True


def partition_new_database(database: Database, partitions: int, *, now: datetime) -> bool:
    """Divide the tables of a database without people; False if they have as many partitions already.

    Raises:
        InputError: The database is SQLite, or has people and another number of partitions.
        StoreError: The database fails.
    """
    _refuse_sqlite(database)
    with database.read() as connection:
        found = count_partitions(connection)
        has_people = bool(connection.scalar(query("count_rows", table="users")))
    if has_people and found != partitions:
        raise InputError(f"{database} has a history already: `moodlog partition {partitions}` moves it into partitions")
    return partition_database(database, partitions, now=now)


def size_to_copy(database: Database, partitions: int) -> int:
    """The bytes that a move has still to copy. Raises like :func:`partition_database`."""
    _refuse_sqlite(database)
    with database.read() as connection:
        return partitioning.bytes_left(connection, partitions)


def cancel_partitioning(database: Database) -> bool:
    """Remove what an interrupted move has copied; False if there is none. Raises like :func:`partition_database`."""
    _refuse_sqlite(database)
    with named_lock(database, NamedLock.UPKEEP):
        return drop_partial_copies(database)


def drop_partial_copies(database: Database) -> bool:
    """:func:`cancel_partitioning` for a caller that holds the upkeep lock."""
    with database.write() as connection:
        begun = partitioning.is_begun(connection)
        if begun:
            partitioning.drop_new_tables(connection)
    return begun


def _copy(database: Database, workers: int, progress: Callable[[int, int], None]) -> None:
    with database.read() as connection:
        planned = partitioning.steps(connection)
    left = [step for step in planned if not step.is_done]
    progress(len(planned) - len(left), len(planned))
    with ThreadPoolExecutor(workers) as threads:
        # The locks of this context are checked in each transaction.
        copied = [threads.submit(copy_context().run, _copy_step, database, step) for step in left]
        try:
            for done, future in enumerate(as_completed(copied), start=len(planned) - len(left) + 1):
                future.result()
                progress(done, len(planned))
        finally:
            threads.shutdown(cancel_futures=True)
    for _ in range(_ROUNDS):
        with database.write() as connection:
            if partitioning.copy_changed(connection, _PEOPLE) < _PEOPLE:
                return


def _copy_step(database: Database, step: partitioning.Step) -> None:
    with database.write() as connection:
        partitioning.copy_step(connection, step)


def _refuse_sqlite(database: Database) -> None:
    if database.file is not None:
        raise InputError(
            f"{database} is SQLite, which has no partitions: keep one table, or move to PostgreSQL with `moodlog move`"
        )

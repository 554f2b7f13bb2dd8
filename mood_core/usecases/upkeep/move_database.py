"""Moves everything in SQL to another database: accounts, tokens and counted calls too, which the lake does not have.

Safe to rerun after a crash, at any moment:

1. The rows are copied in one transaction of the target, while nobody can write to the source. The target is marked as
   unfinished, so no command uses it.
2. The source is marked as moved, so no command uses it any more.
3. The target's mark is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import InputError, StoreBusy, StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.moves import mark, marked, unmark
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import may_live
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.upkeep.copying import copy_rows, row_counts

_CARRIED = ("_accounts", "_api_calls", "_rate_limits", "_rate_budgets", "users", "listens", "_batches")


def move_database(
    source: Database,
    target: Database,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, int]:
    """Move everything from ``source`` to ``target``, which are migrated; returns the number of rows by table.

    Raises:
        InputError: The target has another history, or the source was moved to another database.
        StoreBusy: A run uses the source.
        StoreError: A database fails, or the copy differs. The source then stays in use.
    """
    with named_lock(source, NamedLock.UPKEEP), named_lock(source, NamedLock.LABELS):
        if not _is_moved(source, target):
            _copy(source, target, now, progress)
        with target.write(durable=True) as connection:
            unmark(connection)
        with target.read() as connection:
            return row_counts(connection)


def _copy(source: Database, target: Database, now: datetime, progress: Callable[[int, int], None]) -> None:
    with source.write(durable=True) as theirs:
        if theirs.dialect.name == "postgresql":  # on SQLite there is no other writer
            theirs.execute(query("lock_for_move"))
        _refuse_busy(theirs, now)
        with target.load() as ours:
            _refuse_in_use(ours, source, target)
            mark(ours, "from", source, now)
            copy_rows(theirs, ours, progress)
            _compare(theirs, ours)
        with target.write(durable=True) as ours:  # on disk before the source is marked as moved
            mark(ours, "from", source, now)
        mark(theirs, "to", target, now)


def _is_moved(source: Database, target: Database) -> bool:
    with source.read() as connection:
        other = marked(connection, "to")
    if other not in (None, str(target)):
        raise InputError(f"{source} was already moved to {other}; move that database instead")
    return other is not None


def _refuse_busy(connection: Connection, now: datetime) -> None:
    holders = connection.scalars(query("lease_holders"), {"now": to_ms(now)})
    if any(may_live(holder) for holder in holders):
        raise StoreBusy("a run is pulling accounts; stop `moodlog serve` and other runs, then run it again")


def _refuse_in_use(connection: Connection, source: Database, target: Database) -> None:
    """Refuse a target that is not new, unless it is an unfinished copy of the source or was moved to the source."""
    if str(source) in (marked(connection, "from"), marked(connection, "to")):
        return
    if connection.scalar(query("rows_in_use")):
        raise InputError(
            f"{target} contains another history and is not replaced; set MOODLOG_DATABASE_URL to a new database"
        )


def _compare(source: Connection, target: Connection) -> None:
    theirs, ours = row_counts(source), row_counts(target)
    differ = [name for name in _CARRIED if theirs.get(name) != ours.get(name)]
    if not differ and _tokens(source) != _tokens(target):
        differ = ["tokens"]
    if differ:
        raise StoreError(f"the copy differs in {', '.join(differ)}; nothing was moved. Run it again")


def _tokens(connection: Connection) -> list[tuple[object, ...]]:
    rows = connection.execute(query("every_token"))
    return sorted((id_, bytes(token) if token else b"", version, state) for id_, token, version, state in rows)

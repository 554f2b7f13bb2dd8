"""Moves everything in SQL to another database: accounts, tokens and counted calls too, which the lake does not have.

Safe to rerun after a crash, at any moment:

1. The rows are copied in one transaction of the target, while nobody can write to the source. The target is marked as
   unfinished, so no command uses it.
2. The source is marked as moved, so no command uses it any more.
3. The target's mark is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import InputError, StoreBusy, StoreError
from mood_core.store.engine.copying import copy_rows, row_counts
from mood_core.store.engine.database import Database
from mood_core.store.engine.moves import mark, marked, unmark
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import may_live
from mood_core.store.locks.named_locks import NamedLock, named_lock

_CARRIED = ("accounts", "api_calls", "rate_limits", "rate_budgets", "users", "listens", "batches")


@dataclass(frozen=True, slots=True)
class MoveReport:
    """How many rows the target has by table, and whether an earlier run had copied them already."""

    rows: dict[str, int]
    was_copied: bool


def move_database(
    source: Database,
    target: Database,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> MoveReport:
    """Move everything from ``source`` to ``target``; both are migrated.

    Raises:
        InputError: The target holds another history, or the source was moved to another place.
        StoreBusy: A run works on the source.
        StoreError: A database fails, or the copy differs. The source is still the one in use then.
    """
    with named_lock(source, NamedLock.UPKEEP), named_lock(source, NamedLock.LABELS):
        was_copied = _is_moved(source, target)
        if not was_copied:
            _copy(source, target, now, progress)
        with target.write(durable=True) as connection:
            unmark(connection)
        with target.read() as connection:
            return MoveReport(row_counts(connection), was_copied)


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
        with target.write(durable=True) as ours:  # on the disk, before the source goes out of use
            mark(ours, "from", source, now)
        mark(theirs, "to", target, now)


def _is_moved(source: Database, target: Database) -> bool:
    with source.read() as connection:
        other = marked(connection, "to")
    if other not in (None, str(target)):
        raise InputError(f"{source} was moved to {other} already; move that one")
    return other is not None


def _refuse_busy(connection: Connection, now: datetime) -> None:
    holders = connection.scalars(query("lease_holders"), {"now": to_ms(now)})
    if any(may_live(holder) for holder in holders):
        raise StoreBusy("a run is pulling accounts; stop `moodlog serve` and other runs, then move")


def _refuse_in_use(connection: Connection, source: Database, target: Database) -> None:
    """The target is new, or an unfinished copy of the source, or was moved to the source before."""
    if str(source) in (marked(connection, "from"), marked(connection, "to")):
        return
    if connection.scalar(query("rows_in_use")):
        raise InputError(
            f"{target} has a history of its own and is not replaced; set MOODLOG_DATABASE_URL to a new one"
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

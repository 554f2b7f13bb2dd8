"""What operators watch: queues, lags and sizes. Nothing here reads the rows of everybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.queries.accounts import MOST_COUNTED

MOST = 100_000
"""The number at which a count stops, so that it costs the same however long a queue is."""

_BATCHES = 100
_FLOW = "flow "
_QUEUES = {
    "waiting_listens": "count_waiting_listens",
    "pending_plays": "count_pending_plays",
    "tracks_without_features": "count_feature_queue",
    "tracks_without_label": "count_label_queue",
    "pending_responses": "count_pending_responses",
    "open_gaps": "count_all_open_gaps",
}


@dataclass(frozen=True, slots=True)
class Operations:
    """The numbers of one point in time.

    Attributes:
        people: people with a history, at most :data:`MOST_COUNTED`.
        active_accounts: accounts that are pulled, at most :data:`MOST_COUNTED`.
        due_accounts: active accounts that are due, at most :data:`MOST`.
        pull_lag: how long the account that waits longest for its next pull has been due.
        newest_pull: when an account was last pulled.
        queues: waiting listens, pending plays, tracks, pending responses and open gaps, each at most :data:`MOST`.
        newest_batch: when the newest batch was created.
        ledger_lag: the longest time from a batch's file to its rows in SQL, of the newest batches.
        migration: the newest migration of the schema.
        successes: by flow, when it last succeeded.
        bytes: the size of the database.
    """

    people: int
    active_accounts: int
    due_accounts: int
    pull_lag: timedelta
    newest_pull: datetime | None
    queues: dict[str, int]
    newest_batch: datetime | None
    ledger_lag: timedelta
    migration: str
    successes: dict[str, datetime]
    bytes: int


def operations(database: Database, *, now: datetime) -> Operations:
    """Read the numbers at ``now``. Raises like :meth:`Database.read`."""
    with database.read() as connection:
        batches = connection.execute(query("newest_batches"), {"most": _BATCHES}).all()
        lags_ms = [row.loaded_at_ms - row.created_at_ms for row in batches]
        earliest = _moment(connection.scalar(query("earliest_due")))
        return Operations(
            people=connection.scalar(query("count_people"), {"most": MOST_COUNTED}) or 0,
            active_accounts=connection.scalar(query("count_active_accounts"), {"most": MOST_COUNTED}) or 0,
            due_accounts=connection.scalar(query("count_due_accounts"), {"now": to_ms(now), "most": MOST}) or 0,
            pull_lag=max(now - (earliest or now), timedelta(0)),
            newest_pull=_moment(connection.scalar(query("newest_pull"))),
            queues=dict(_queues(connection)),
            newest_batch=_moment(batches[0].created_at_ms if batches else None),
            ledger_lag=timedelta(milliseconds=max(lags_ms, default=0)),
            migration=connection.scalar(query("newest_migration")) or "",
            successes={
                row.step.removeprefix(_FLOW): from_ms(row.until_ms) for row in connection.execute(query("successes"))
            },
            bytes=_bytes(database, connection),
        )


def record_success(database: Database, flow: str, *, now: datetime) -> None:
    """Record that ``flow`` succeeded. Raises like :meth:`Database.write`."""
    database.run(query("record_success"), {"step": f"{_FLOW}{flow}", "at": to_ms(now)})


def _queues(connection: Connection) -> Iterator[tuple[str, int]]:
    for name, statement in _QUEUES.items():
        yield name, connection.scalar(query(statement), {"most": MOST}) or 0


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _bytes(database: Database, connection: Connection) -> int:
    if database.file is None:
        return int(connection.scalar(query("bytes_of_database")) or 0)
    files = (database.file, database.file.with_name(f"{database.file.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())

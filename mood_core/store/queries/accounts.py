"""People and their accounts: who is connected, their encrypted tokens, and who is being pulled by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row

from mood_core.domain.records import from_ms, to_ms
from mood_core.errors import StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.fences import Leases, leased
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, run_of

NOT_CALLED = "not asked: "
"""How the problem of an account begins that was not reached, because something stopped the asking for everybody."""

_UNRELEASED: set[str] = set()
"""Owners in this process that are done and could not say so, because the database was down."""

_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account as it stands.

    ``state`` is active, paused, needs_reauthorisation, or unconnected where no token is kept here. A refused permission
    is tried again at ``permission_retry_at``, None where that is not planned.
    """

    user_id: str
    display_name: str
    timezone: str
    connected_at: datetime
    state: str
    state_reason: str | None
    authorised_at: datetime | None
    last_pulled_at: datetime | None
    last_problem: str | None
    newest_listen_at: datetime | None
    permission_retry_at: datetime | None = None


class Accounts:
    """The accounts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, user_ids: Sequence[str] | None = None) -> list[Account]:
        """Every account, or those of ``user_ids`` (an id or a display name each), ordered by user id.

        An id means its account alone, also where somebody else has taken it for a display name.
        """
        with self._database.read() as connection:
            accounts = [_account(row) for row in connection.execute(query("accounts"))]
        if user_ids is None:
            return accounts
        wanted = set(user_ids)
        names = wanted - {account.user_id for account in accounts}
        return [account for account in accounts if account.user_id in wanted or account.display_name in names]

    def acquire_leases(self, user_ids: Sequence[str], owner: str, *, now: datetime, for_s: float) -> list[str]:
        """Acquire the leases of active accounts for ``owner``; returns the accounts that no other living run holds.

        They come in the order of their ids, those with a problem of their own last. Claiming again renews the lease,
        which ends ``for_s`` seconds after ``now``. A lease belongs to a run: a retry of the run inherits it, also in
        another process.
        """
        if not user_ids:
            return []
        _UNRELEASED.discard(owner)
        until = now + timedelta(seconds=for_s)
        times = {"now": to_ms(now), "until": to_ms(until), "latest": to_ms(until + _CLOCKS_DIFFER)}
        with self._database.write() as connection:
            holders = connection.scalars(query("lease_owners"))
            free = [owner, *(holder for holder in holders if _is_free_for(owner, holder))]
            values = {"owner": owner, "user_ids": user_ids, "free": free, **times}
            rows = connection.execute(query("acquire_account_leases"), values)
            claimed = [(_has_trouble(row.last_problem), row.user_id) for row in rows]
        return [user_id for _, user_id in sorted(claimed)]

    @contextmanager
    def leased(self, owner: str | None = None) -> Iterator[None]:
        """Write rows of people only while ``owner`` holds the accounts that it holds now.

        Batches that are added meanwhile are refused where another run has acquired one of these accounts since. With or
        without an owner, rows of somebody who has been forgotten since are left out: what is written was read before.
        """
        from mood_core.store.queries.tombstones import newest_forgetting

        with self._database.read() as connection:
            rows = connection.execute(query("lease_numbers"), {"owner": owner})
            numbers = {row.user_id: row.lease_number for row in rows}
            since = newest_forgetting(connection)
        with leased(Leases(self._database.engine.url, since, owner or "", numbers)):
            yield

    def release(self, owner: str, user_ids: Sequence[str] | None = None) -> None:
        """Release the leases that ``owner`` holds: all, or those of ``user_ids``.

        Where the database does not take that, whoever claims next in this process gets them.
        """
        try:
            with self._database.write() as connection:
                if user_ids is None:
                    connection.execute(query("release_all_account_leases"), {"owner": owner})
                else:
                    connection.execute(query("release_account_leases"), {"owner": owner, "user_ids": user_ids})
        except StoreError:
            _UNRELEASED.add(owner)
            raise

    def release_run(self, run: str) -> None:
        """Release every lease of the run called ``run``, which has died, whatever process of it holds them."""
        with self._database.write() as connection:
            holders = connection.scalars(query("lease_owners"))
            for owner in [holder for holder in holders if run_of(holder) == run]:
                connection.execute(query("release_all_account_leases"), {"owner": owner})

    def pulled(self, user_ids: Sequence[str], *, at: datetime) -> None:
        """Record that these accounts were pulled without trouble."""
        self._for_each(user_ids, "record_pull", to_ms(at))

    def troubled(self, user_ids: Sequence[str], problem: str) -> None:
        """Record why accounts could not be pulled."""
        self._for_each(user_ids, "record_problem", problem)

    def paces(self, since: datetime, plays: int, user_ids: Sequence[str]) -> dict[str, tuple[int, timedelta | None]]:
        """How fast each of ``user_ids`` listened since ``since``, by user id, for those who did.

        How many plays there were, and the shortest time from one to the one that is ``plays`` later, if there was one.
        """
        with self._database.read() as connection:
            values = {"since": to_ms(since), "plays": plays, "user_ids": user_ids}
            rows = connection.execute(query("listening_paces"), values)
            return {
                row.user_id: (row.plays, None if row.shortest_ms is None else timedelta(milliseconds=row.shortest_ms))
                for row in rows
            }

    def set_state(self, user_id: str, state: str, reason: str | None = None) -> bool:
        """Set an account's state; False where there is no such account. ``active`` clears what was wrong before."""
        with self._database.write() as connection:
            values = {"state": state, "reason": reason, "id": user_id}
            return connection.execute(query("set_account_state"), values).rowcount > 0

    def _for_each(self, user_ids: Sequence[str], statement: str, value: object) -> None:
        if user_ids:
            with self._database.write() as connection:
                connection.execute(query(statement), [{"value": value, "id": user_id} for user_id in user_ids])


def _is_free_for(owner: str, holder: str) -> bool:
    return run_of(holder) == run_of(owner) or holder in _UNRELEASED or not may_live(holder)


def _has_trouble(problem: str | None) -> bool:
    return problem is not None and not problem.startswith(NOT_CALLED)


def _account(row: Row[tuple[object, ...]]) -> Account:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return Account(
        values["user_id"],
        values["display_name"],
        values["timezone"],
        from_ms(values["connected_at_ms"]),
        values["state"],
        values["state_reason"],
        _time(values["authorised_at_ms"]),
        _time(values["last_pulled_at_ms"]),
        values["last_problem"],
        _time(values["newest_listen_ms"]),
        _time(values["permission_retry_at_ms"]),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)

"""Accounts: their states, and the leases of the runs that pull them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from mood_core.domain.poll_schedule import HALF_WINDOW, LOOK_BACK, Pace, due_at, pulled_until
from mood_core.domain.records import Service, from_ms, to_ms
from mood_core.errors import StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.fences import Leases, leased
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.loading.tombstones import newest_forgetting
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live, run_of
from mood_core.text.names import name_key

NOT_CALLED = "not asked: "
"""Prefix of the problem of an account that a run did not reach, because something stopped all calls."""

_UNRELEASED: set[str] = set()
"""Owners in this process whose release failed because the database was down."""

_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account.

    ``state`` is active, paused, needs_reauthorisation, or unconnected (no token is stored). A refused permission is
    tried again at ``permission_retry_at``; None if no retry is planned. ``service`` is where listens are pulled from.
    ``pace`` is the listening pace at the last pull.
    ``changed_plays`` are the times of :attr:`changed_at` as JSON.
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
    service: str = Service.SPOTIFY
    pace: Pace = field(default_factory=Pace)
    changed_plays: str | None = None

    @property
    def consented_at(self) -> datetime | None:
        """The time of Spotify's consent, which ends after six months. Permissions of other services do not end."""
        return self.authorised_at if self.service == Service.SPOTIFY else None

    @property
    def changed_at(self) -> list[datetime]:
        """The times of stored plays that were deleted or edited at the service since, oldest first."""
        return [from_ms(ms) for ms in json.loads(self.changed_plays or "[]")]


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """How far the history of an account was read.

    Attributes:
        up_to: the newest play when it was read last; None before the first pull.
        down_to: the time down to which an open gap has been read; None if none is begun.
        starts_at: the oldest play of the history at the last pull; None if the service does not report it.
        plays: the number of plays of the history at the last pull; None if the service does not report it.
        empty_since: since when the next page of the open gap is empty; None if it is not.
    """

    up_to: datetime | None = None
    down_to: datetime | None = None
    starts_at: datetime | None = None
    plays: int | None = None
    empty_since: datetime | None = None


class Accounts:
    """The accounts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, user_ids: Sequence[str] | None = None) -> list[Account]:
        """Every account, or those of ``user_ids`` (an id or a display name each), ordered by user id.

        Names are compared by :func:`~mood_core.text.names.name_key`, ids exactly. An id selects its account only, even
        if it is the name of another account.
        """
        if user_ids is None:
            return [_account(row) for row in self._database.rows(query("accounts"))]
        found = self._with_ids(user_ids)
        names = {name_key(name) for name in set(user_ids) - {account.user_id for account in found}}
        if not names:
            return found
        everybody = self._database.rows(query("names_of_people"))
        named = {row.user_id for row in everybody if name_key(row.display_name) in names}
        return self._with_ids(named.union(account.user_id for account in found))

    def with_id(self, user_id: str) -> Account | None:
        """The account whose id is ``user_id``; None without one."""
        return next(iter(self._with_ids([user_id])), None)

    def due(self, now: datetime, *, daily_budget: int | None, user_ids: Sequence[str] | None = None) -> list[str]:
        """The active accounts, among ``user_ids`` if given, that are due at ``now``, ordered by id.

        See :mod:`mood_core.domain.poll_schedule`. An account that was last pulled after ``now``, by a wrong clock, is
        due too.
        """
        active = self._database.scalar(query("count_active_accounts")) if daily_budget else 0
        until = pulled_until(now, active, daily_budget)
        options = () if user_ids is None else ("user_ids",)
        values = {"now": to_ms(now), "pulled_until": to_ms(until), "user_ids": user_ids}
        return [row.user_id for row in self._database.rows(query("due_accounts", *options), values)]

    def _with_ids(self, user_ids: Collection[str]) -> list[Account]:
        rows = self._database.rows(query("accounts", "user_ids"), {"user_ids": sorted(user_ids)})
        return [_account(row) for row in rows]

    def acquire_leases(self, user_ids: Sequence[str], owner: str, *, now: datetime, for_s: float) -> list[str]:
        """Acquire the leases of active accounts for ``owner``; returns the accounts that no other living run holds.

        They are ordered by id, accounts with a problem of their own last. Acquiring again renews the lease, which ends
        ``for_s`` seconds after ``now``. A lease belongs to a run: a retry of the run inherits it, even in another
        process.
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
            acquired = [(_has_problem(row.last_problem), row.user_id) for row in rows]
        return [user_id for _, user_id in sorted(acquired)]

    @contextmanager
    def leased(self, owner: str | None = None) -> Iterator[None]:
        """Write rows of people only while ``owner`` holds its present leases.

        A batch is refused if another run has acquired one of these accounts since. Rows of people who were forgotten
        since are dropped, with or without an owner, because the rows may have been read before.
        """
        with self._database.read() as connection:
            rows = connection.execute(query("lease_numbers"), {"owner": owner})
            numbers = {row.user_id: row.lease_number for row in rows}
            since = newest_forgetting(connection)
        with leased(Leases(self._database.engine.url, since, owner or "", numbers)):
            yield

    def release(self, owner: str, user_ids: Sequence[str] | None = None) -> None:
        """Release the leases of ``owner``: all, or those of ``user_ids``.

        If the database fails, the next owner in this process that acquires these leases gets them.
        """
        options = () if user_ids is None else ("user_ids",)
        try:
            self._database.run(query("release_account_leases", *options), {"owner": owner, "user_ids": user_ids})
        except StoreError:
            _UNRELEASED.add(owner)
            raise

    def release_run(self, run: str) -> None:
        """Release every lease of ``run``, which has died, in whatever process it held them."""
        with self._database.write() as connection:
            holders = connection.scalars(query("lease_owners"))
            for owner in [holder for holder in holders if run_of(holder) == run]:
                connection.execute(query("release_account_leases"), {"owner": owner})

    def pulled(self, user_ids: Sequence[str], *, at: datetime) -> None:
        """Record that these accounts were pulled without a problem, their pace, and when they are due again."""
        if not user_ids:
            return
        recent = {"since": to_ms(at - LOOK_BACK), "plays": HALF_WINDOW, "user_ids": user_ids}
        with self._database.write() as connection:
            rows = connection.execute(query("listening_paces"), recent)
            paces = {row.user_id: _pace(row.plays, row.shortest_ms) for row in rows}
            pulls = [_pull(user_id, at, paces.get(user_id, Pace())) for user_id in user_ids]
            connection.execute(query("record_pull"), pulls)

    def troubled(self, user_ids: Sequence[str], problem: str) -> None:
        """Record why accounts could not be pulled."""
        if user_ids:
            problems = [{"value": problem, "id": user_id} for user_id in user_ids]
            self._database.run(query("record_problem"), problems)

    def service(self, user_id: str) -> Service:
        """The service that an account is pulled from; Spotify without an account."""
        return Service(self._database.scalar(query("service"), {"id": user_id}) or Service.SPOTIFY)

    def history_place(self, user_id: str) -> HistoryPlace:
        """How far the account's history was read."""
        for up_to, down_to, starts_at, plays, empty_since in self._database.rows(
            query("history_place"), {"id": user_id}
        ):
            return HistoryPlace(_time(up_to), _time(down_to), _time(starts_at), plays, _time(empty_since))
        return HistoryPlace()

    def set_read_up_to(
        self, user_id: str, moment: datetime, *, starts_at: datetime | None = None, plays: int | None = None
    ) -> None:
        """Record the newest play up to which the account's history was read, its oldest play and number of plays."""
        start = None if starts_at is None else to_ms(starts_at)
        values = {"id": user_id, "value": to_ms(moment), "start": start, "plays": plays}
        self._database.run(query("set_read_up_to"), values, durable=True)

    def set_changed_plays(self, user_id: str, times: Sequence[datetime], *, since: datetime) -> None:
        """Record the stored plays that changed at the service. Earlier records until ``since`` stay."""
        known = self._database.scalar(query("changed_plays"), {"id": user_id})
        kept = [ms for ms in json.loads(known or "[]") if ms <= to_ms(since)]
        changed = json.dumps([*kept, *map(to_ms, times)]) if kept or times else None
        if changed != known:
            self._database.run(query("set_changed_plays"), {"id": user_id, "value": changed})

    def restart_history(self, user_id: str) -> None:
        """Let the next pull read the account's whole history."""
        self._database.run(query("restart_history"), {"id": user_id}, durable=True)

    def set_read_down_to(self, user_id: str, moment: datetime | None) -> None:
        """Record the time down to which an open gap has been read; None once it is filled."""
        value = None if moment is None else to_ms(moment)
        self._database.run(query("set_read_down_to"), {"id": user_id, "value": value}, durable=True)

    def set_empty_since(self, user_id: str, moment: datetime) -> None:
        """Record since when the next page of an open gap is empty."""
        self._database.run(query("set_empty_since"), {"id": user_id, "value": to_ms(moment)}, durable=True)

    def set_state(self, user_id: str, state: str, reason: str | None = None) -> bool:
        """Set an account's state; False if there is no such account. ``active`` clears the last problem."""
        return self._database.run(query("set_account_state"), {"state": state, "reason": reason, "id": user_id}) > 0


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _account(row: Row[Any]) -> Account:
    columns = with_times(row)
    pace = _pace(columns.pop("recent_plays"), columns.pop("half_window_ms"))
    return Account(**columns, pace=pace)


def _pace(plays: int, half_window_ms: int | None) -> Pace:
    return Pace(plays, None if half_window_ms is None else timedelta(milliseconds=half_window_ms))


def _pull(user_id: str, at: datetime, pace: Pace) -> dict[str, Any]:
    half_window = None if pace.half_window is None else pace.half_window // timedelta(milliseconds=1)
    times = {"at": to_ms(at), "due": to_ms(due_at(at, pace)), "half_window": half_window}
    return {"id": user_id, "plays": pace.plays, **times}


def _is_free_for(owner: str, holder: str) -> bool:
    return run_of(holder) == run_of(owner) or holder in _UNRELEASED or not may_live(holder)


def _has_problem(problem: str | None) -> bool:
    return problem is not None and not problem.startswith(NOT_CALLED)

"""Accounts: their states, their pulls, and who is due."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from mood_core.domain.poll_schedule import (
    HALF_WINDOW,
    LONGEST,
    LOOK_BACK,
    Pace,
    due_at,
    most_accounts,
    pulled_until,
)
from mood_core.domain.records import Service, from_ms, to_ms
from mood_core.errors import InputError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.queries.account_leases import AccountLeases
from mood_core.store.queries.history_places import HistoryPlaces
from mood_core.store.queries.people_read import note_people
from mood_core.text.format import plural
from mood_core.text.names import name_key, name_order

MOST_COUNTED = 100_000
"""The number at which a count of people stops, so that it costs the same with more."""

_MS = timedelta(milliseconds=1)
_PAGE = 1_000
_BEGINNING = ("after", "below", "page")
_LAST = "\U0010ffff"  # sorts behind every character of a name


def people_counted(number: int) -> str:
    """A count of people in words, such as "3 people"."""
    return f"at least {number:,} people" if number >= MOST_COUNTED else plural(number, "person", "people")


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


class Accounts:
    """The accounts in one database; ``leases`` and ``places`` have the leases and how far the histories were read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.leases = AccountLeases(database)
        self.places = HistoryPlaces(database)

    def all(self, user_ids: Sequence[str] | None = None) -> list[Account]:
        """Every account, or those of ``user_ids`` (an id or a display name each), ordered by name, then by id.

        Names are compared by :func:`~mood_core.text.names.name_key`, ids exactly. An id selects its account only, even
        if it is the name of another account.
        """
        if user_ids is None:
            return _by_name(self._database.rows(query("accounts")))
        found = self._with_ids(user_ids)
        names = {name_key(name) for name in set(user_ids) - {account.user_id for account in found}}
        if not names:
            return found
        called = self._database.rows(query("people_called"), {"names": sorted(names)})
        named = {row.user_id for row in called if name_key(row.display_name) in names}
        return self._with_ids(named.union(account.user_id for account in found))

    def page(self, most: int, *, after: str = "", prefix: str = "") -> list[Account]:
        """Up to ``most`` accounts by name, of those whose name begins with ``prefix``.

        Those ``after`` the account with this id, which :func:`last_of_page` finds, are the next page. Names are
        compared by :func:`~mood_core.text.names.name_key`.

        Raises:
            InputError: There is no account with the id ``after``.
        """
        key = name_key(prefix)
        last = (key, "")
        if after:
            before = self.with_id(after)
            if before is None:
                raise InputError(f"nobody has the id {after}; begin again with the first page")
            last = max(last, _key(before))
        values = {"most": most, "name_key": last[0], "user_id": last[1], "below": key + _LAST}
        return _by_name(self._database.rows(query("accounts", *(_BEGINNING if any(last) else ["page"])), values))

    def pages(self, prefix: str = "") -> Iterator[Account]:
        """All accounts by name, or those whose name begins with ``prefix``, read page by page."""
        key = name_key(prefix)
        found = _by_name(self._database.rows(query("accounts", "unkeyed")))
        yield from (one for one in found if name_key(one.display_name).startswith(key))
        last = (key, "")
        while True:
            values = {"name_key": last[0], "user_id": last[1], "below": key + _LAST, "most": _PAGE}
            rows = self._database.rows(query("accounts", *_BEGINNING), values)
            yield from _by_name(rows)
            if len(rows) < _PAGE:
                return
            last = name_key(rows[-1].display_name), rows[-1].user_id

    def with_name_or_id(self, names: Collection[str]) -> dict[str, str]:
        """The names, by id, of everybody who has one of ``names`` as an id or as a name."""
        keys = sorted({name_key(name) for name in names})
        rows = [
            *self._database.rows(query("people_called"), {"names": keys}),
            *self._database.rows(query("people_with_ids"), {"ids": sorted(names)}),
        ]
        note_people((row.user_id, row.display_name) for row in rows)
        return {row.user_id: row.display_name for row in rows}

    def refused(self) -> list[Account]:
        """The accounts with a refused permission that is to be tried again."""
        return self._chosen("refused_accounts")

    def to_renew(self, before: datetime) -> list[Account]:
        """The accounts with a refused permission, and the active ones with Spotify's consent from ``before``."""
        return self._chosen("accounts_to_renew", before=to_ms(before))

    def not_pulled(self, first: datetime, last: datetime) -> list[Account]:
        """The active accounts that were never pulled, or last from ``first`` until before ``last``."""
        return self._chosen("accounts_not_pulled", first=to_ms(first), last=to_ms(last))

    def with_problem(self, first: datetime, last: datetime, before: datetime, *, most: int) -> list[Account]:
        """Up to ``most`` accounts with a refused permission, and active ones with a problem.

        The active ones were not pulled between ``first`` and ``last``, or their last pull failed, or they have changed
        plays, or Spotify's consent is from ``before`` or earlier.
        """
        times = {"first": to_ms(first), "last": to_ms(last), "before": to_ms(before)}
        return self._chosen("accounts_with_problem", **times, most=most)

    def first(self, most: int, *, now: datetime) -> list[Account]:
        """Up to ``most`` accounts by name: first of all those with a problem, other than a consent that ends."""
        day = timedelta(days=1)
        found = {one.user_id: one for one in self.with_problem(now - day, now + day, from_ms(0), most=most)}
        for one in self.page(most):
            if len(found) < most:
                found.setdefault(one.user_id, one)
        return sorted(found.values(), key=_place)

    def with_shared_names(self) -> list[Account]:
        """The accounts whose name another account has too."""
        return self._chosen("people_with_shared_names")

    def services(self) -> set[Service]:
        """The services of the accounts with a stored permission."""
        return {service for service in Service if self._authorised(service, 1)}

    def authorised(self, most: int) -> dict[str, Service]:
        """The ids of accounts with a stored permission, and their services.

        Of each service the ``most`` accounts with the oldest consents and as many with the newest ones.
        """
        return {
            user_id: service
            for service in Service
            for order in ((), ("newest",))
            for user_id in self._authorised(service, most, *order)
        }

    def _authorised(self, service: Service, most: int, *order: str) -> list[str]:
        return self._database.scalars(query("authorised_accounts", *order), {"service": service.value, "most": most})

    def active(self) -> list[str]:
        """The ids of the active accounts, by name."""
        found = self._database.scalars(query("active_accounts"))
        note_people((user_id, "") for user_id in found)
        return found

    def numbers(self) -> tuple[int, datetime | None]:
        """The number of people, at most :data:`MOST_COUNTED`, and the time of the newest pull of an active account."""
        (row,) = self._database.rows(query("account_numbers"), {"most": MOST_COUNTED})
        found = with_times(row)
        return found["people"], found["last_pulled_at"]

    def of_spotify(self, most: int) -> list[str]:
        """The ids of up to ``most`` active accounts of Spotify, the newest consent first."""
        return self._database.scalars(query("active_spotify_accounts"), {"most": most})

    def count_active(self, most: int = MOST_COUNTED) -> int:
        """The number of active accounts, at most ``most``."""
        return int(self._database.scalar(query("count_active_accounts"), {"most": most}))

    def fill_name_keys(self) -> None:
        """Bring the names to the form in which they are compared that an earlier version stored without it."""
        rows = self._database.rows(query("names_without_key"))
        if rows:
            values = [row._asdict() | {"name_key": name_key(row.display_name)} for row in rows]
            self._database.run(query("set_name_key"), values)

    def _chosen(self, name: str, **values: object) -> list[Account]:
        return _by_name(self._database.rows(query("accounts", chosen=query(name).text), values))

    def with_id(self, user_id: str) -> Account | None:
        """The account whose id is ``user_id``; None without one."""
        return next(iter(self._with_ids([user_id])), None)

    def due(self, now: datetime, *, daily_budget: int | None, user_ids: Sequence[str] | None = None) -> list[str]:
        """The active accounts, among ``user_ids`` if given, that are due at ``now``, ordered by id.

        See :mod:`mood_core.domain.poll_schedule`. An account that was last pulled after ``now``, by a wrong clock, is
        due too.
        """
        active = self.count_active(most_accounts(daily_budget)) if daily_budget else 0
        until = pulled_until(now, active, daily_budget)
        options = () if user_ids is None else ("user_ids",)
        values = {"now": to_ms(now), "pulled_until": to_ms(until), "user_ids": user_ids}
        due = [row.user_id for row in self._database.rows(query("due_accounts", *options), values)]
        note_people((user_id, "") for user_id in due)
        return due

    def _with_ids(self, user_ids: Collection[str]) -> list[Account]:
        rows = self._database.rows(query("accounts", "user_ids"), {"user_ids": sorted(user_ids)})
        return _by_name(rows)

    def pulled(self, user_ids: Sequence[str], *, at: datetime) -> None:
        """Record that these accounts were pulled without a problem, their pace, and when they are due again."""
        if not user_ids:
            return
        today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        times = {"since": to_ms(at - LOOK_BACK), "today": to_ms(today), "longest": LONGEST // _MS}
        recent = times | {"plays": HALF_WINDOW, "user_ids": user_ids}
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

    def set_state(self, user_id: str, state: str, reason: str | None = None) -> bool:
        """Set an account's state; False if there is no such account. ``active`` clears the last problem."""
        return self._database.run(query("set_account_state"), {"state": state, "reason": reason, "id": user_id}) > 0


def _by_name(rows: Iterable[Row[Any]]) -> list[Account]:
    accounts = sorted(map(_account, rows), key=_place)
    note_people((account.user_id, account.display_name) for account in accounts)
    return accounts


def last_of_page(accounts: Iterable[Account]) -> str:
    """The id of the account after which the next page begins: a page is chosen by simpler keys than it is sorted by."""
    return max(accounts, key=_key).user_id


def _key(account: Account) -> tuple[str, str]:
    return name_key(account.display_name), account.user_id


def _place(account: Account) -> tuple[Any, str]:
    return name_order(account.display_name), account.user_id


def _account(row: Row[Any]) -> Account:
    columns = with_times(row)
    pace = _pace(columns.pop("recent_plays"), columns.pop("half_window_ms"))
    return Account(**columns, pace=pace)


def _pace(plays: int, half_window_ms: int | None) -> Pace:
    return Pace(plays, None if half_window_ms is None else timedelta(milliseconds=half_window_ms))


def _pull(user_id: str, at: datetime, pace: Pace) -> dict[str, Any]:
    half_window = None if pace.half_window is None else pace.half_window // _MS
    times = {"at": to_ms(at), "due": to_ms(due_at(at, pace)), "half_window": half_window}
    return {"id": user_id, "plays": pace.plays, **times}

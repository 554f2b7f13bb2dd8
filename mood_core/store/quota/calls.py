"""Counts calls to external services and stores their Retry-After, for all workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mood_core.domain.records import from_ms, to_ms
from mood_core.errors import QuotaExceeded
from mood_core.http.headers import LONGEST_RETRY_AFTER_S
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import CLOCKS_DIFFER_S
from mood_core.store.quota.rate_budget import RateBudget

_MINUTE_MS = 60_000
_DAY = timedelta(hours=24)
_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)
LONG_WAIT_S = 60.0
"""With a longer Retry-After, no worker calls the endpoint until then. Workers wait for a shorter one.

Both hold for all workers, because Spotify limits the app.
"""

_PACED = "paced"
"""The row of ``_rate_limits`` for short waits, by this machine's clock instead of ``now``."""


class CallLedger:
    """The calls of the last 24 hours by endpoint, daily budgets, and rate limits.

    Calls and limits dated too far in the future come from a wrong clock and do not count. Retry-After is stored with
    the time it was received, so it expires exactly when it says, after at most 30 days.

    Args:
        database: shared by all workers.
        now: returns the current time.
        budget: the calls allowed in 24 hours, by endpoint.
        set_by: the setting of each budget, by endpoint.
        paced: endpoints that share one rate limit; a short Retry-After of one delays the calls to all of them.
        rates: the rate limits of services, by endpoint; without one, only Retry-After counts.
        wall_clock: returns this machine's time in seconds since 1970, for short waits.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        budget: Mapping[str, int] | None = None,
        set_by: Mapping[str, str] | None = None,
        paced: Collection[str] = (),
        rates: Mapping[str, RateBudget] | None = None,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._now = now
        self._budget = dict(budget or {})
        self._set_by = dict(set_by or {})
        self._paced = frozenset(paced)
        self._rates = dict(rates or {})
        self._wall_clock = wall_clock
        self._sleep = sleep

    def before_call(self, endpoint: str) -> None:
        """Count the call and wait as the rate limits require, or refuse it.

        One transaction decides, so that all workers together respect the budgets; the wait comes after it.

        Raises:
            QuotaExceeded: The service sent a long Retry-After, or the daily budget is used up.
        """
        now = self._now()
        with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                # Two concurrent calls would both see room for one; SQLite has one writer anyway.
                connection.execute(query("lock_endpoint"), {"endpoint": endpoint})
            wait_s = self._respect_not_before(connection, endpoint, now)
            self._respect_budget(connection, endpoint, now)
            if (rate := self._rates.get(endpoint)) is not None:
                wait_s = max(wait_s, rate.take(connection))
            connection.execute(query("count_call"), {"endpoint": endpoint, "minute": _minute(now)})
        if wait_s > 0:
            self._sleep(wait_s)

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Record a failed call (``status`` 0 or from 400 on) and its Retry-After."""
        if 0 < status < 400:
            return
        now = self._now()
        with self._database.write() as connection:
            connection.execute(query("count_failure"), {"endpoint": endpoint, "minute": _minute(now)})
            if retry_after_s is None:
                return
            if retry_after_s > LONG_WAIT_S:
                _store_limit(connection, endpoint, status, to_ms(now), retry_after_s, LONGEST_RETRY_AFTER_S)
            elif endpoint in self._paced:
                here = int(self._wall_clock() * 1000)
                _store_limit(connection, _PACED, status, here, retry_after_s, LONG_WAIT_S)

    def last_day(self) -> dict[str, int]:
        """Calls of the last 24 hours by endpoint."""
        return {endpoint: calls for endpoint, (calls, _) in self.last_day_with_failures().items()}

    def last_day_with_failures(self) -> dict[str, tuple[int, int]]:
        """Calls and failed calls of the last 24 hours by endpoint."""
        times = {"since": to_ms(self._now() - _DAY), "until": _latest(self._now())}
        rows = self._database.rows(query("calls_by_endpoint"), times)
        return {row.endpoint: (row.calls, row.failures) for row in rows}

    @property
    def budgets(self) -> dict[str, int]:
        """The calls allowed in 24 hours, by endpoint."""
        return dict(self._budget)

    def not_before(self) -> dict[str, datetime]:
        """By endpoint with a long Retry-After: the time at which it expires."""
        values = {"now": to_ms(self._now()), "latest": _latest(self._now()), "paced": _PACED}
        return {row.endpoint: from_ms(row.not_before_ms) for row in self._database.rows(query("rate_limits"), values)}

    def _respect_not_before(self, connection: Connection, endpoint: str, now: datetime) -> float:
        """The remaining seconds of a short Retry-After."""
        rows = connection.execute(query("rate_limits_of_endpoint"), {"endpoint": endpoint, "paced": _PACED})
        held = {row.endpoint: row for row in rows}
        limit = held.get(endpoint)
        if limit is not None and to_ms(now) < limit.not_before_ms and limit.asked_at_ms <= _latest(now):
            not_before = from_ms(limit.not_before_ms)
            raise QuotaExceeded(
                f"{endpoint} asked for no calls before {not_before:%Y-%m-%d %H:%M} UTC; run again after that",
                source=endpoint,
                retry_after_s=(not_before - now).total_seconds(),
            )
        if endpoint not in self._paced or _PACED not in held:
            return 0.0
        wait_s = held[_PACED].not_before_ms / 1000 - self._wall_clock()
        return wait_s if 0.0 < wait_s <= LONG_WAIT_S else 0.0

    def _respect_budget(self, connection: Connection, endpoint: str, now: datetime) -> None:
        limit = self._budget.get(endpoint)
        if limit is None:
            return
        times = {"since": to_ms(now - _DAY) - _MINUTE_MS, "until": _latest(now)}
        used = connection.execute(query("calls_of_endpoint"), {"endpoint": endpoint, **times}).one()
        if used.calls < limit:
            return
        opens_at = from_ms(used.oldest_ms + _MINUTE_MS) + _DAY if used.oldest_ms is not None else now + _DAY
        raise QuotaExceeded(
            f"the budget of {limit} calls a day to {endpoint} is used up until {opens_at:%Y-%m-%d %H:%M} UTC; "
            f"{self._set_by.get(endpoint, 'a setting')} sets it",
            source=endpoint,
            retry_after_s=(opens_at - now).total_seconds(),
        )


def _store_limit(
    connection: Connection, endpoint: str, status: int, asked_at_ms: int, wait_s: float, longest_s: float
) -> None:
    """Store a Retry-After of ``wait_s`` seconds, limited to ``longest_s``."""
    values = {
        "endpoint": endpoint,
        "until": asked_at_ms + int(min(wait_s, longest_s) * 1000),
        "reason": f"HTTP {status}",
        "asked_at": asked_at_ms,
        "latest": asked_at_ms + int(CLOCKS_DIFFER_S * 1000),
        "farthest": asked_at_ms + int(longest_s * 1000),
    }
    connection.execute(query("keep_retry_after"), values)


def _latest(now: datetime) -> int:
    """The latest plausible time of a stored call or limit, ms; a later one comes from a wrong clock."""
    return to_ms(now + _CLOCKS_DIFFER)


def _minute(moment: datetime) -> int:
    return to_ms(moment) // _MINUTE_MS * _MINUTE_MS

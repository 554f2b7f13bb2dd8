"""Counts calls to outside services and remembers who asked to be left alone, for all workers together."""

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
"""A Retry-After above this is not waited for: the endpoint is left alone until then, by every worker.

A shorter one is waited out, by every worker too: a rate limit is one of the app.
"""

_PACED = "paced"
"""The row of ``rate_limits`` that holds the short waits, in this machine's time and not in that of the data."""


class CallLedger:
    """The calls of a rolling day by endpoint, a budget for some, and the times before which nothing is asked.

    What is dated further ahead than clocks differ was noted by one that was wrong, and neither counts nor holds. A wish
    to be left alone is dated by when it was uttered, so it holds exactly as long as it says, up to 30 days.

    Args:
        database: shared by all workers.
        now: gives the current time.
        budget: the calls allowed in 24 hours, by endpoint.
        paced: the endpoints that share one rate limit: a short Retry-After of one holds back the calls to all.
        rate: how many of those there may be in 30 seconds; None where only the service says so.
        wall_clock: this machine's seconds since 1970, by which short waits go.
        sleep: waits.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        budget: Mapping[str, int] | None = None,
        paced: Collection[str] = (),
        rate: RateBudget | None = None,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._now = now
        self._budget = dict(budget or {})
        self._paced = frozenset(paced)
        self._rate = rate
        self._wall_clock = wall_clock
        self._sleep = sleep

    def before_call(self, endpoint: str) -> None:
        """Count the call and wait for its turn, or refuse it.

        One transaction decides, so that workers together stay inside the budgets; the wait comes after it.

        Raises:
            QuotaExceeded: The service asked to be left alone for longer, or the day's budget is used up.
        """
        now = self._now()
        with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                # Two that count at once would both see room for one; SQLite lets one writer in at a time anyway.
                connection.execute(query("lock_endpoint"), {"endpoint": endpoint})
            wait_s = self._respect_not_before(connection, endpoint, now)
            self._respect_budget(connection, endpoint, now)
            if self._rate is not None and endpoint in self._paced:
                wait_s = max(wait_s, self._rate.take(connection))
            connection.execute(query("count_call"), {"endpoint": endpoint, "minute": _minute(now)})
        if wait_s > 0:
            self._sleep(wait_s)

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        """Note a failed call (``status`` 0 or from 400 on), and remember a wish to be left alone."""
        if 0 < status < 400:
            return
        now = self._now()
        with self._database.write() as connection:
            connection.execute(query("count_failure"), {"endpoint": endpoint, "minute": _minute(now)})
            if retry_after_s is None:
                return
            if retry_after_s > LONG_WAIT_S:
                _remember_wish(connection, endpoint, status, to_ms(now), retry_after_s, LONGEST_RETRY_AFTER_S)
            elif endpoint in self._paced:
                here = int(self._wall_clock() * 1000)
                _remember_wish(connection, _PACED, status, here, retry_after_s, LONG_WAIT_S)

    def last_day(self) -> dict[str, int]:
        """Calls of the last 24 hours by endpoint."""
        with self._database.read() as connection:
            now = self._now()
            times = {"since": to_ms(now - _DAY), "until": to_ms(now + _CLOCKS_DIFFER)}
            rows = connection.execute(query("calls_by_endpoint"), times)
            return {row.endpoint: row.calls for row in rows}

    @property
    def budgets(self) -> dict[str, int]:
        """The calls allowed in 24 hours, by endpoint."""
        return dict(self._budget)

    def not_before(self) -> dict[str, datetime]:
        """The endpoints that asked to be left alone and until when, while that is still to come."""
        with self._database.read() as connection:
            now = self._now()
            values = {"now": to_ms(now), "latest": _latest(now), "paced": _PACED}
            rows = connection.execute(query("rate_limits"), values)
            return {row.endpoint: from_ms(row.not_before_ms) for row in rows}

    def _respect_not_before(self, connection: Connection, endpoint: str, now: datetime) -> float:
        """The seconds that a short wish to be left alone still has to go."""
        rows = connection.execute(query("rate_limits_of_endpoint"), {"endpoint": endpoint, "paced": _PACED})
        held = {row.endpoint: row for row in rows}
        wish = held.get(endpoint)
        if wish is not None and to_ms(now) < wish.not_before_ms and wish.asked_at_ms <= _latest(now):
            not_before = from_ms(wish.not_before_ms)
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
        times = {"since": to_ms(now - _DAY) - _MINUTE_MS, "until": to_ms(now + _CLOCKS_DIFFER)}
        used = connection.execute(query("calls_of_endpoint"), {"endpoint": endpoint, **times}).one()
        if used.calls < limit:
            return
        opens_at = from_ms(used.oldest_ms + _MINUTE_MS) + _DAY if used.oldest_ms is not None else now + _DAY
        raise QuotaExceeded(
            f"the budget of {limit} calls a day to {endpoint} is used up until {opens_at:%Y-%m-%d %H:%M} UTC; "
            "MOODLOG_SPOTIFY_DAILY_BUDGET sets it",
            source=endpoint,
            retry_after_s=(opens_at - now).total_seconds(),
        )


def _remember_wish(
    connection: Connection, endpoint: str, status: int, asked_at_ms: int, wait_s: float, longest_s: float
) -> None:
    """Note that ``endpoint`` asked to be left alone for ``wait_s``, of which at most ``longest_s`` is believed."""
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
    """The latest time, in ms, at which somebody can have asked: one noted later is of a clock that was ahead."""
    return to_ms(now + _CLOCKS_DIFFER)


def _minute(moment: datetime) -> int:
    return to_ms(moment) // _MINUTE_MS * _MINUTE_MS

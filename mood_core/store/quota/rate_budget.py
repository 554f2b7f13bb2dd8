"""A token bucket that all workers of one app share (generic cell rate algorithm).

Its state is one time in one row: when all granted calls will have used their share. Calls are granted in the order of
the requests of all workers, with one statement each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import CLOCKS_DIFFER_S

SPAN_S = 30.0
"""Spotify limits the calls in any 30 seconds."""

_LATE_S = 1.0  # a granted call may reach the service this much later
_BURST_SHARE = 0.1


class RateBudget:
    """At most ``calls`` (1 or more) to ``service`` in any ``span_s`` seconds, by the wall clocks of the machines.

    ``burst`` of them, by default a tenth, may be made at once; the others follow evenly.
    """

    def __init__(
        self,
        service: str,
        calls: int,
        *,
        span_s: float = SPAN_S,
        burst: int | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._wall_clock = wall_clock
        self._burst = burst or max(1, int(calls * _BURST_SHARE))
        self._step_us = round((span_s + _LATE_S) * 1_000_000 / (calls - self._burst + 1))

    def take(self, connection: Connection) -> float:
        """Grant the next call, in the caller's transaction; returns the seconds to wait before it."""
        now = round(self._wall_clock() * 1_000_000)
        latest = now + self._burst * self._step_us + round(CLOCKS_DIFFER_S * 1_000_000)
        values = {"service": self._service, "now": now, "latest": latest, "step": self._step_us}
        paid_until: int = connection.execute(query("take_from_rate_budget"), values).scalar_one()
        return max(0, paid_until - self._burst * self._step_us - now) / 1_000_000

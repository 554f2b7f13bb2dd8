"""When a schedule starts runs, and how long after that a run is late.

Start times come from Prefect's own schedule classes, which also start the runs: another cron library could differ in
rare cases, for example when the clocks change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

_RUNS = 400
"""Start times to look at: more than a year of a daily schedule, or a week of a half-hourly one."""

SHORTEST = timedelta(hours=1)
"""A run is never late before this time: the schedule may be frequent."""

_LOOK_BACKS = (timedelta(hours=2), timedelta(days=2), timedelta(days=9), timedelta(days=40), timedelta(days=400))


def start_times(schedule: Any, start: datetime) -> list[datetime]:
    """The next start times of Prefect's ``schedule`` from ``start``, in the schedule's time zone."""
    zone = ZoneInfo(getattr(schedule, "timezone", None) or "UTC")
    return [datetime.fromtimestamp(moment.timestamp(), zone) for moment in _dates(schedule, n=_RUNS, start=start)]


def last_and_next(schedule: Any, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The last start time of a cron ``schedule`` before ``now`` and the next one; None for other schedules."""
    if not hasattr(schedule, "cron"):
        return None, None
    following = next(iter(_dates(schedule, n=1, start=now)), None)
    for look_back in _LOOK_BACKS:
        if before := _dates(schedule, n=1_000, start=now - look_back, end=now):
            return before[-1], following
    return None, following


def _dates(schedule: Any, **bounds: Any) -> list[datetime]:
    """The dates of Prefect's ``schedule`` within ``bounds``; empty for dates like 30 February."""
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from pydantic import TypeAdapter

    engine = TypeAdapter(SCHEDULE_TYPES).validate_python(schedule.model_dump())
    try:
        return list(asyncio.run(engine.get_dates(**bounds)))
    except ValueError:
        return []


def late_after(schedules: Sequence[Any], deadline: time, start: datetime) -> timedelta:
    """How long after its start time a run is late: the shortest time from a start time to the next ``deadline``.

    ``deadline`` is a local time in each schedule's zone. The result is at least :data:`SHORTEST`.
    """
    waits = (_until(deadline, moment) for schedule in schedules for moment in start_times(schedule, start))
    return max(min(waits, default=SHORTEST), SHORTEST)


def longest_pause(schedules: Sequence[Any], start: datetime) -> timedelta:
    """The longest time between two consecutive start times of all ``schedules``."""
    moments = sorted(moment.astimezone(UTC) for schedule in schedules for moment in start_times(schedule, start))
    return max((later - moment for moment, later in pairwise(moments)), default=timedelta(0))


def _until(deadline: time, moment: datetime) -> timedelta:
    days = (moment.date() + timedelta(days=days) for days in (0, 1))
    deadlines = (datetime.combine(day, deadline, moment.tzinfo) for day in days)
    return min(at for at in deadlines if at > moment).astimezone(UTC) - moment.astimezone(UTC)

"""How long after its start time a run is late, from any schedule that Prefect knows.

Start times come from the schedules of Prefect's own server, the engine that starts the runs: another cron library could
differ from it in the rare cases, and a change of the clocks is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

_RUNS = 400
"""More than a year of days, with both changes of the clocks; or a week of half hours."""

SHORTEST = timedelta(hours=1)
"""No run is late before: the schedule may be a frequent one."""


def start_times(schedule: Any, start: datetime, count: int = _RUNS) -> list[datetime]:
    """The next ``count`` times from ``start`` at which Prefect's ``schedule`` starts a run, on the schedule's clock."""
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from pydantic import TypeAdapter

    engine = TypeAdapter(SCHEDULE_TYPES).validate_python(schedule.model_dump())
    zone = ZoneInfo(getattr(schedule, "timezone", None) or "UTC")
    times = dates_of(engine, n=count, start=start)
    return [datetime.fromtimestamp(moment.timestamp(), zone) for moment in times]


def dates_of(schedule: Any, **bounds: Any) -> list[datetime]:
    """The dates of a schedule of Prefect's server within ``bounds``; none for a time that never comes (30 February)."""
    try:
        return list(asyncio.run(schedule.get_dates(**bounds)))
    except ValueError:
        return []


def late_after(schedules: Sequence[Any], deadline: time, start: datetime) -> timedelta:
    """How long after its start time a run is late: the shortest time from a start to the next ``deadline``.

    ``deadline`` is a local time by each schedule's zone. At least :data:`SHORTEST`.
    """
    waits = (_until(deadline, moment) for schedule in schedules for moment in start_times(schedule, start))
    return max(min(waits, default=SHORTEST), SHORTEST)


def longest_pause(schedules: Sequence[Any], start: datetime) -> timedelta:
    """The longest time between two starts of ``schedules`` together."""
    moments = sorted(moment.astimezone(UTC) for schedule in schedules for moment in start_times(schedule, start))
    return max((later - moment for moment, later in pairwise(moments)), default=timedelta(0))


def _until(deadline: time, moment: datetime) -> timedelta:
    end = min(at for at in _deadlines(deadline, moment) if at > moment)
    return end.astimezone(UTC) - moment.astimezone(UTC)


def _deadlines(deadline: time, moment: datetime) -> Iterator[datetime]:
    for days in (0, 1):
        yield datetime.combine(moment.date() + timedelta(days=days), deadline, moment.tzinfo)

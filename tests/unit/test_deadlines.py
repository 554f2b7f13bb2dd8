"""How long after its start time a run is late, by schedules of any kind."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from flows.server.schedule_times import last_and_next, late_after, longest_pause, start_times

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EIGHT = time(8)


@pytest.mark.parametrize(
    ("cron", "late", "pause"),
    [
        ("30 4 * * *", timedelta(hours=3, minutes=30), timedelta(hours=25)),
        ("@daily", timedelta(hours=7), timedelta(hours=25)),
        ("0 3,15 * * *", timedelta(hours=5), timedelta(hours=13)),
        ("*/30 * * * *", timedelta(hours=1), timedelta(minutes=30)),
        ("0 8 * * *", timedelta(hours=24), timedelta(hours=24)),
        ("0 9 * * MON-FRI", timedelta(hours=23), timedelta(days=3, hours=1)),
        ("15,45 * * * *", timedelta(hours=1), timedelta(minutes=30)),
    ],
)
def test_any_cron_line_has_a_deadline(cron: str, late: timedelta, pause: timedelta) -> None:
    schedule = CronSchedule(cron=cron, timezone="Europe/Berlin")
    an_hour = timedelta(hours=1)  # the clocks change within the year
    assert abs(late - late_after([schedule], EIGHT, NOW)) <= an_hour
    assert abs(pause - longest_pause([schedule], NOW)) <= an_hour


@pytest.mark.parametrize(
    "schedule",
    [
        IntervalSchedule(interval=timedelta(hours=6), anchor_date=NOW),
        RRuleSchedule(rrule="DTSTART:20261120T120000Z\nRRULE:FREQ=HOURLY;INTERVAL=6"),
    ],
)
def test_other_schedules_than_cron_have_one_too(schedule: Any) -> None:
    assert start_times(schedule, NOW)[:2] == [NOW, NOW + timedelta(hours=6)]
    assert late_after([schedule], EIGHT, NOW) == timedelta(hours=2)


def test_two_schedules_are_one() -> None:
    night, noon = (CronSchedule(cron=cron, timezone="UTC") for cron in ("0 4 * * *", "0 12 * * *"))
    assert late_after([night, noon], EIGHT, NOW) == timedelta(hours=4)
    assert longest_pause([night, noon], NOW) == timedelta(hours=16)


def test_a_schedule_whose_time_never_comes_has_no_start() -> None:
    never = CronSchedule(cron="0 0 30 2 *", timezone="UTC")
    assert start_times(never, NOW) == []
    assert late_after([never], EIGHT, NOW) == timedelta(hours=1)
    assert last_and_next(never, NOW) == (None, None)


def test_without_a_start_there_is_still_an_answer() -> None:
    assert late_after([], EIGHT, NOW) == timedelta(hours=1)
    assert longest_pause([], NOW) == timedelta(0)

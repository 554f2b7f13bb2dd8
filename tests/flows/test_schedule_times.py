"""When the default schedules start runs: once a local day, at the same local time, even when the clocks change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from prefect.server.schemas.schedules import CronSchedule

from flows.commands.serve import served, zone_of
from flows.deployments import Deployment, read_deployments
from tests.flows.deployed import prefect_server

ZONES = ("Europe/Berlin", "America/New_York")
CHANGES = {
    "Europe/Berlin": (date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31)),
    "America/New_York": (date(2026, 11, 1), date(2027, 3, 14), date(2027, 11, 7)),
}
DEPLOYMENTS = {deployment.name: deployment for deployment in read_deployments() if deployment.schedules}
DAILY_OR_RARER = sorted(set(DEPLOYMENTS) - {"pull"})
FIRST, LAST = date(2026, 10, 1), date(2027, 11, 30)


def _clock(deployment: Deployment) -> time:
    """The local time at which a deployment starts its runs."""
    minute, hour = deployment.schedules[0]["cron"].split()[:2]
    return time(int(hour), int(minute))


def _runs(deployment: Deployment, zone: str, first: date = FIRST, last: date = LAST) -> list[datetime]:
    """When Prefect's own engine starts runs from ``first`` to ``last``, on the clock of ``zone``."""
    local = ZoneInfo(zone)
    schedule = CronSchedule(cron=deployment.schedules[0]["cron"], timezone=zone)
    start, end = (datetime.combine(day, at, local) for day, at in ((first, time.min), (last, time.max)))
    runs = asyncio.run(schedule.get_dates(start=start, end=end))
    return [datetime.fromtimestamp(run.timestamp(), local) for run in runs]


def _days() -> Iterator[date]:
    for number in range((LAST - FIRST).days + 1):
        yield FIRST + timedelta(days=number)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", DAILY_OR_RARER)
def test_a_schedule_starts_one_run_on_each_of_its_days_at_its_local_time(name: str, zone: str) -> None:
    deployment = DEPLOYMENTS[name]
    runs = _runs(deployment, zone)
    assert {run.time() for run in runs} == {_clock(deployment)}
    assert [run.date() for run in runs] == [day for day in _days() if _is_due(name, day)]


def _is_due(name: str, day: date) -> bool:
    due = {
        "nightly": True,
        "write-report": True,
        "weekly-recap": day.weekday() == 0,
        "weekly-train-check": day.weekday() == 6,
        "compact": day.day == 2,
    }
    return due[name]


@pytest.mark.parametrize("zone", ZONES)
def test_only_times_that_name_an_hour_follow_the_zone_of_serve(zone: str) -> None:
    for name, deployment in DEPLOYMENTS.items():
        assert zone_of(deployment.schedules[0], zone) == (zone if name in DAILY_OR_RARER else "UTC")
        assert zone_of(deployment.schedules[0], None) == "UTC"
    for cron, follows in (("@daily", True), ("@hourly", False), ("0 3,15 * * *", True)):
        assert zone_of({"cron": cron, "timezone": "UTC"}, zone) == (zone if follows else "UTC")


@pytest.mark.parametrize("zone", ZONES)
def test_pulls_start_every_half_hour_also_in_the_hour_that_comes_twice(zone: str) -> None:
    pull = DEPLOYMENTS["pull"]
    for change in CHANGES[zone]:
        runs = _runs(pull, zone_of(pull.schedules[0], zone), change - timedelta(days=1), change + timedelta(days=1))
        assert {later - run for run, later in pairwise(runs)} == {timedelta(minutes=30)}


def test_no_zone_of_the_world_misses_or_repeats_a_default_time() -> None:
    clocks = {_clock(DEPLOYMENTS[name]) for name in DAILY_OR_RARER}
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        days = [noon + timedelta(days=number) for number in range(3 * 365)]
        offsets = [day.astimezone(zone).utcoffset() for day in days]
        for day, before, after in zip(days, offsets, offsets[1:], strict=False):
            if before != after:
                around = [(day + timedelta(days=number)).date() for number in (-1, 0, 1, 2)]
                wrong = [(name, day, at) for day in around for at in clocks if not _is_once(day, at, zone)]
                assert not wrong


def _is_once(day: date, at: time, zone: ZoneInfo) -> bool:
    first, second = (datetime.combine(day, at, zone).replace(fold=fold) for fold in (0, 1))
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at)
    return exists and first.utcoffset() == second.utcoffset()


@pytest.mark.slow
@pytest.mark.prefect
def test_a_server_stores_one_night_a_day_around_the_changes(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    nightly = DEPLOYMENTS["nightly"]
    with prefect_server(tmp_path / "prefect"), get_client(sync_client=True) as client:
        for zone in ZONES:
            id_, local = served(nightly, zone).apply(), ZoneInfo(zone)
            for change in CHANGES[zone]:
                days = [change + timedelta(days=number) for number in range(-3, 4)]
                asked: dict[str, Any] = {
                    "start_time": datetime.combine(days[0], time.min, local).isoformat(),
                    "end_time": datetime.combine(days[-1], time.max, local).isoformat(),
                }
                asked |= {"min_runs": 50, "max_runs": 50}
                client.request("POST", "/deployments/{id}/schedule", path_params={"id": id_}, json=asked)
                moments = [run.expected_start_time for run in client.read_flow_runs(limit=200)]
                due = [datetime.fromtimestamp(moment.timestamp(), local) for moment in moments if moment]
                around = sorted(run for run in due if run.date() in days)
                assert around == [datetime.combine(day, _clock(nightly), local) for day in days]

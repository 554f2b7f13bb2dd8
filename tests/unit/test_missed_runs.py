"""Which times of a schedule passed, and which late runs one run makes up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule

from flows.server.health_route import health
from flows.server.schedule_times import last_and_next
from flows.serving.replacement_runs import superseded
from flows.serving.scheduler_log import SchedulerLog
from flows.serving.watchdog import FaultTimer, Problem

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def _run(deployment: UUID, due: datetime, *, by_schedule: bool = True) -> FlowRun:
    return FlowRun(flow_id=uuid4(), deployment_id=deployment, next_scheduled_start_time=due, auto_scheduled=by_schedule)


def test_of_late_runs_of_one_schedule_the_newest_is_left() -> None:
    night, pull = uuid4(), uuid4()
    old = [_run(night, NOW - timedelta(days=days)) for days in (3, 2)]
    kept = [
        _run(night, NOW - timedelta(days=1)),
        _run(night, NOW + timedelta(seconds=5)),
        _run(pull, NOW - timedelta(minutes=3)),
        _run(night, NOW - timedelta(days=4), by_schedule=False),
    ]
    assert superseded([*kept, *old], NOW) == old


@pytest.mark.parametrize(
    ("cron", "last", "following"),
    [
        ("30 3 * * *", datetime(2026, 11, 20, 3, 30, tzinfo=UTC), datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
        ("15,45 * * * *", datetime(2026, 11, 20, 11, 45, tzinfo=UTC), datetime(2026, 11, 20, 12, 15, tzinfo=UTC)),
        ("0 5 2 * *", datetime(2026, 11, 2, 5, 0, tzinfo=UTC), datetime(2026, 12, 2, 5, 0, tzinfo=UTC)),
        ("0 7 1 1 *", datetime(2026, 1, 1, 7, 0, tzinfo=UTC), datetime(2027, 1, 1, 7, 0, tzinfo=UTC)),
    ],
)
def test_the_last_and_the_next_time_of_a_schedule(cron: str, last: datetime, following: datetime) -> None:
    assert last_and_next(CronSchedule(cron=cron, timezone="UTC"), NOW) == (last, following)


def test_a_problem_must_last_and_is_forgotten_when_it_ends() -> None:
    timer, problem = FaultTimer(), Problem("nothing-scheduled", "no run is scheduled")
    assert timer.lasting([problem], NOW) == []
    assert timer.lasting([problem], NOW + timedelta(seconds=60)) == [problem]
    assert timer.lasting([], NOW + timedelta(seconds=75)) == []
    assert timer.lasting([problem], NOW + timedelta(seconds=90)) == []


def test_the_errors_of_the_scheduler_count_and_those_before_it_do_not(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    error = "19:53:12.170 | ERROR   | docket.dependencies - [ 91ms] schedule_recent_deployments(){}\n"
    file.write_text(error * 9)
    log = SchedulerLog(file)
    assert not log.is_failing(NOW)
    with file.open("a") as more:
        more.write(error + "19:53:12.171 | ERROR   | prefect.server - something else\n")
    assert not log.is_failing(NOW)
    with file.open("a") as more:
        more.write(error)
    assert log.is_failing(NOW + timedelta(seconds=5))
    assert log.last == error.strip()
    assert not log.is_failing(NOW + timedelta(minutes=10))
    file.write_text(error * 2)  # begun again
    assert log.is_failing(NOW + timedelta(minutes=11))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"status": "ok", "checked_at": "2026-11-20T11:59:30+00:00"}', 200),
        ('{"status": "starting", "checked_at": "2026-11-20T11:59:30+00:00"}', 200),
        ('{"status": "checking", "checked_at": "2026-11-20T11:59:30+00:00"}', 200),
        ('{"status": "problem", "checked_at": "2026-11-20T11:59:30+00:00", "problems": ["x"]}', 503),
        ('{"status": "ok", "checked_at": "2026-11-20T11:00:00+00:00"}', 503),
        ('{"status": "ok"}', 503),
        ("[1]", 503),
        ("", 503),
        (None, 503),
    ],
)
def test_health_is_well_only_while_it_is_fresh_and_says_so(tmp_path: Path, content: str | None, code: int) -> None:
    if content is not None:
        (tmp_path / "health.json").write_text(content)
    status, report = health(tmp_path / "health.json", NOW)
    assert (status, bool(report.get("problems"))) == (code, code != 200)

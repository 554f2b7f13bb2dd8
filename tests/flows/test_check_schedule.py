"""What the doctor learns of the schedule from a real Prefect server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.check_schedule import ask_prefect
from flows.commands.status import schedule
from flows.server.local_server import local_server
from mood_core.usecases.upkeep.check_health import Level, Scheduled, schedule_finding
from tests.flows.deployed import settings_of

pytestmark = pytest.mark.prefect


def test_a_server_reports_what_its_scheduler_does_and_not_what_its_deployments_say(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home / "no-profile"))
    for name in ("PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "1")  # what is asked sets these; they go again with the test
    # A scheduler that does not schedule: the deployment is there, its schedule is on, and no run will ever start.
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false")
    assert ask_prefect(home) is None
    began = datetime.now(UTC)
    with local_server(home / "prefect") as server:
        server.wait_until_ready()
        for name, value in server.client_environment.items():
            monkeypatch.setenv(name, value)
        assert ask_prefect(home) == Scheduled(active=False)
        with settings_of(server):
            _schedule_a_night()
        reported = ask_prefect(home)
        shown = schedule(home)
        with settings_of(server):
            _let_a_night_fail()
        failed = ask_prefect(home)
    assert reported is not None
    assert (reported.active, reported.waits_for_worker) == (True, False)
    assert (reported.unscheduled, reported.next_runs) == (("nightly",), ())
    assert schedule_finding(reported, None, began).level is Level.BROKEN
    assert reported.ghosts == ("run its process has ended",)
    assert shown["problems"][0] == "no run is scheduled for nightly"
    assert "its process has ended" in shown["problems"][1]
    assert reported.failed_since is None
    assert failed is not None
    assert failed.failed_since is not None
    assert reported.last_success is not None
    assert reported.last_successes == (("nightly", reported.last_success),)
    assert shown["last_successes"] == {"nightly": reported.last_success.isoformat()}
    assert abs(reported.last_success - began) < timedelta(minutes=10)


def _schedule_a_night() -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.states import Completed, Running

    @flow(name="run-nightly")
    def night() -> None: ...

    with get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("run-nightly")
        every_night = DeploymentScheduleCreate(schedule=CronSchedule(cron="30 3 * * *", timezone="UTC"), active=True)
        deployment_id = client.create_deployment(flow_id=flow_id, name="nightly", schedules=[every_night])
        run = client.create_flow_run(night)
        client.set_flow_run_state(run.id, Completed(), force=True)
        here = socket.gethostname()
        for name, process in (("its process has ended", _ended_process()), ("its process lives", os.getpid())):
            run = client.create_flow_run_from_deployment(deployment_id, name=name)
            client.set_flow_run_state(run.id, Running(), force=True)
            client.update_flow_run(run.id, infrastructure_pid=f"{here}:{process}")


def _let_a_night_fail() -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Failed

    @flow(name="run-nightly")
    def night() -> None: ...

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(client.create_flow_run(night).id, Failed(), force=True)


def _ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid

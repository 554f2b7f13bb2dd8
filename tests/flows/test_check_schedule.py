"""What the doctor learns of the schedule from a real Prefect server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.check_schedule import ask_prefect
from flows.local_server import local_server
from mood_core.pipeline.check_health import Scheduled

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]


def test_a_server_tells_what_is_scheduled_and_when_it_last_worked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home / "no-profile"))
    for name in ("PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "1")  # what is asked sets these; they go again with the test
    assert ask_prefect(home) is None
    began = datetime.now(UTC)
    with local_server(home / "prefect") as server:
        server.wait_until_ready()
        monkeypatch.setenv("PREFECT_API_URL", server.api_url)
        assert ask_prefect(home) == Scheduled(active=False)
        _schedule_a_night(server.api_url)
        told = ask_prefect(home)
    assert told is not None
    assert (told.active, told.waits_for_worker) == (True, False)
    assert told.last_success is not None
    assert abs(told.last_success - began) < timedelta(minutes=10)


def _schedule_a_night(api_url: str) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Completed

    @flow(name="run-nightly")
    def night() -> None: ...

    with temporary_settings({PREFECT_API_URL: api_url}), get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("run-nightly")
        every_night = DeploymentScheduleCreate(schedule=CronSchedule(cron="30 3 * * *", timezone="UTC"), active=True)
        client.create_deployment(flow_id=flow_id, name="nightly", schedules=[every_night])
        run = client.create_flow_run(night)
        client.set_flow_run_state(run.id, Completed(), force=True)

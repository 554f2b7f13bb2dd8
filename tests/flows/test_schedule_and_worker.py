"""A server, a pool and workers, unattended: runs start by their schedules, and what they store is in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule

from flows.serving.dead_runs import OWNER
from flows.serving.replacement_runs import REPLACEMENT
from standin import StandIn
from tests.flows.cluster import cluster, kill, worker_of, workers
from tests.flows.deployed import MOODLOG, PREFECT, prefect_server, run, until
from tests.nights import connect_listeners, contents, point_at, truth, workspace_of

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them"),
]


_ZONE = "Europe/Berlin"
_SHARD = "pull-accounts"


@pytest.fixture(autouse=True)
def _quick_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "2")
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")


def test_a_night_starts_by_its_schedule_and_is_in_sql(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(seed=3, listeners=2) as standin, prefect_server(tmp_path / "prefect"):
        point_at(standin, monkeypatch)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        run(*MOODLOG, "setup")
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        with workers(["only"], limit=2), get_client(sync_client=True) as client:
            _schedule(client, "run-nightly/nightly", "* * * * * */10")
            until(lambda: _by_schedule(client, "nightly", "Completed"), 400)
            _schedule(client, "run-nightly/nightly", None)
        with workspace_of(standin) as workspace:
            stored = contents(workspace)
    assert {user_id for user_id, *_ in stored["listens"]} == {one.account_id for one in standin.listeners}
    assert any(mood for _, mood, *_ in stored["moods"])


@pytest.mark.slow
@pytest.mark.postgresql
def test_nights_and_pulls_by_schedule_outlive_their_workers(night: StandIn) -> None:
    with get_client(sync_client=True) as client, ExitStack() as stack:
        first = stack.enter_context(workers(["first"], limit=4))["first"]
        second = stack.enter_context(workers(["second"], limit=4))["second"]
        _schedule(client, "sync-listens/pull", "* * * * * */30", share=True)
        until(lambda: _by_schedule(client, "pull", "Completed"), 400)
        _schedule(client, "sync-listens/pull", None)
        _schedule(client, "run-nightly/nightly", _daily_soon(), share=True)
        until(lambda: _by_schedule(client, "nightly", "Completed"), 400)
        assert _states_of_shards(client) <= {"Completed", "TakenOver"}, "none waits for a slot, or is cancelled"

        kill(first)
        night.clock.advance(timedelta(hours=20))
        third = stack.enter_context(workers(["third"], limit=4))["third"]
        _schedule(client, "run-nightly/nightly", _daily_soon(), share=True)
        lost = until(lambda: _begun(client), 400)
        kill(next(one for one in (second, third) if one.pid == _worker_of(lost)))
        _schedule(client, "sync-listens/pull", "* * * * * */30", share=True)
        made_up = until(lambda: _made_up(client), 600)
        assert client.read_flow_run(lost.id).state_name == "Crashed"
        assert len(made_up) == 1
        until(lambda: not _left_running(client))
        _schedule(client, "sync-listens/pull", None)

    with workspace_of(night) as workspace:
        listens = {(user_id, at) for user_id, at, *_ in contents(workspace)["listens"]}
    assert {(user_id, at) for user_id, moments in truth(night).items() for at in moments} <= listens
    run(*MOODLOG, "verify", "--deep")


@pytest.fixture
def night(home: Path, tmp_path: Path, postgres_url: str) -> Iterator[StandIn]:
    with (
        StandIn(seed=8, listeners=12, frozen=True, latency_s=1.0) as standin,
        cluster(tmp_path, standin, postgres_url, shards=8),
    ):
        yield standin


def _schedule(client: SyncPrefectClient, name: str, cron: str | None, *, share: bool = False) -> None:
    """Give a deployment's schedule another ``cron`` line, whose sixth field is seconds, or switch it off."""
    deployment = client.read_deployment_by_name(name)
    (schedule,) = deployment.schedules
    if cron is None:
        client.update_deployment_schedule(deployment.id, schedule.id, active=False)
    else:
        wanted = CronSchedule(cron=cron, timezone=_ZONE)
        client.update_deployment_schedule(
            deployment.id, schedule.id, active=True, schedule=wanted, parameters={"share": share}
        )


def _by_schedule(client: SyncPrefectClient, deployment: str, state: str | None) -> list[FlowRun]:
    """The runs of ``deployment`` that nobody started by hand, those in ``state``."""
    found = client.read_flow_runs(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[deployment])))
    mine = [one for one in found if one.auto_scheduled or REPLACEMENT in one.tags]
    return [one for one in mine if state is None or one.state_name == state]


def _daily_soon() -> str:
    """A daily time in Berlin that is some seconds away."""
    soon = datetime.now(ZoneInfo(_ZONE)) + timedelta(seconds=15)
    return f"{soon.minute} {soon.hour} * * * {soon.second}"


def _made_up(client: SyncPrefectClient) -> list[FlowRun]:
    return [one for one in _by_schedule(client, "nightly", "Completed") if REPLACEMENT in one.tags]


def _begun(client: SyncPrefectClient) -> FlowRun | None:
    """The nightly run that is under way and has recorded its process."""
    return next((one for one in _by_schedule(client, "nightly", "Running") if OWNER in one.labels), None)


def _states_of_shards(client: SyncPrefectClient) -> set[str | None]:
    return {one.state_name for one in client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[_SHARD])))}


def _worker_of(flow_run: FlowRun) -> int | None:
    pid = (flow_run.infrastructure_pid or "").rpartition(":")[2]
    return worker_of(int(pid)) if pid.isdecimal() else None


def _left_running(client: SyncPrefectClient) -> list[str]:
    """The task runs of runs that have died that still run."""
    dead = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
    alive = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
    found = client.read_task_runs(flow_run_filter=FlowRunFilter(state=dead), task_run_filter=TaskRunFilter(state=alive))
    return [one.name for one in found]

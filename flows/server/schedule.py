"""Reads the next and the last runs of moodlog's deployments from a Prefect server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import DeploymentStatus
from prefect.client.schemas.responses import DeploymentResponse

from flows.deployments import read_deployments
from flows.server.run_queries import find_runs
from flows.server.schedule_times import last_and_next
from mood_core.usecases.upkeep.check_health import Scheduled

_NIGHTLY = "nightly"
_FLOW = "run-nightly"
_OVERDUE = timedelta(hours=6)
"""How long after its scheduled time a nightly run may end."""


def read_schedule(client: SyncPrefectClient, now: datetime) -> Scheduled:
    """Read which runs are scheduled after ``now``, and when runs last succeeded."""
    active = [one for one in our_deployments(client) if not one.paused and any(each.active for each in one.schedules)]
    nightly = next((one for one in active if one.name == _NIGHTLY), None)
    worked, failed = _last_end(client, "COMPLETED", flow=_FLOW), _last_end(client, "FAILED", "CRASHED", flow=_FLOW)
    next_runs = {one.name: _next_run(client, one, now) for one in active}
    ends = {
        one.name: worked if one is nightly else _last_end(client, "COMPLETED", deployments=[one.id]) for one in active
    }
    return Scheduled(
        active=nightly is not None,
        since=nightly.created if nightly else None,
        last_success=worked,
        last_successes=_known(ends),
        failed_since=failed if failed is not None and (worked is None or failed > worked) else None,
        overdue_since=_overdue_since(nightly, worked, now) if nightly else None,
        waits_for_worker=bool(nightly and nightly.work_pool_name and nightly.status is DeploymentStatus.NOT_READY),
        next_runs=_known(next_runs),
        unscheduled=tuple(name for name, due in next_runs.items() if due is None),
    )


def _known(times: Mapping[str, datetime | None]) -> tuple[tuple[str, datetime], ...]:
    return tuple((name, at) for name, at in times.items() if at is not None)


def _last_end(client: SyncPrefectClient, *states: str, **conditions: Any) -> datetime | None:
    runs = find_runs(client, states=states, sort="END_TIME_DESC", limit=1, **conditions)
    return runs[0].end_time if runs else None


def _next_run(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> datetime | None:
    due = "NEXT_SCHEDULED_START_TIME_ASC"
    runs = find_runs(client, deployments=[deployment.id], states=["SCHEDULED"], scheduled_after=now, sort=due, limit=1)
    return runs[0].next_scheduled_start_time if runs else None


def _overdue_since(nightly: DeploymentResponse, worked: datetime | None, now: datetime) -> datetime | None:
    """When the last nightly run was due that should have ended, if none has succeeded since."""
    times = [last_and_next(one.schedule, now - _OVERDUE)[0] for one in nightly.schedules if one.active]
    due = max((at for at in times if at is not None), default=None)
    begun = max(filter(None, (worked, nightly.created)), default=None)
    return due if due is not None and begun is not None and begun < due else None


def our_deployments(client: SyncPrefectClient) -> Sequence[DeploymentResponse]:
    """The deployments of ``prefect.yaml`` that are on the server."""
    known = read_deployments()
    flows = sorted({one.entrypoint.rpartition(".")[2].replace("_", "-") for one in known})
    return client.read_deployments(
        flow_filter=FlowFilter(name=FlowFilterName(any_=flows)),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[one.name for one in known])),
    )

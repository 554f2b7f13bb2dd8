"""Reads the next and the last runs of moodlog's deployments from a Prefect server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.deployments import read_deployments
from flows.server.run_queries import find_runs

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

NIGHTLY = "nightly"
_FLOW = "run-nightly"


@dataclass(frozen=True, slots=True)
class ServerSchedule:
    """The schedules of moodlog's deployments on a server.

    Attributes:
        deployments: The deployments with an active schedule.
        next_runs: By deployment name, when the next run is due; None if no run is scheduled.
        last_success: When the last completed nightly run ended.
        last_successes: By deployment name, when its last completed run ended; None without one.
        failed_since: When the last nightly run ended, if it failed or crashed.
    """

    deployments: tuple[DeploymentResponse, ...]
    next_runs: dict[str, datetime | None]
    last_success: datetime | None
    last_successes: dict[str, datetime | None]
    failed_since: datetime | None = None

    @property
    def unscheduled(self) -> list[str]:
        """The deployments with an active schedule and no scheduled run."""
        return [name for name, due in self.next_runs.items() if due is None]

    @property
    def nightly(self) -> DeploymentResponse | None:
        """The deployment of the nightly run, if its schedule is active."""
        return next((one for one in self.deployments if one.name == NIGHTLY), None)


def read_schedule(client: SyncPrefectClient, now: datetime) -> ServerSchedule:
    """Read which runs are scheduled after ``now``, and when runs last succeeded."""
    deployments = tuple(
        one for one in our_deployments(client) if not one.paused and any(each.active for each in one.schedules)
    )
    worked, failed = _last_end(client, "COMPLETED", flow=_FLOW), _last_end(client, "FAILED", "CRASHED", flow=_FLOW)
    return ServerSchedule(
        deployments,
        {one.name: _next_run(client, one, now) for one in deployments},
        worked,
        {
            one.name: worked if one.name == NIGHTLY else _last_end(client, "COMPLETED", deployments=[one.id])
            for one in deployments
        },
        failed if failed is not None and (worked is None or failed > worked) else None,
    )


def _last_end(client: SyncPrefectClient, *states: str, **conditions: Any) -> datetime | None:
    """When the last run that meets ``conditions`` and has one of ``states`` ended."""
    runs = find_runs(client, states=states, sort="END_TIME_DESC", limit=1, **conditions)
    return runs[0].end_time if runs else None


def our_deployments(client: SyncPrefectClient) -> Sequence[DeploymentResponse]:
    """The deployments of ``prefect.yaml`` that are on the server."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName

    known = read_deployments()
    flows = sorted({one.entrypoint.rpartition(".")[2].replace("_", "-") for one in known})
    return client.read_deployments(
        flow_filter=FlowFilter(name=FlowFilterName(any_=flows)),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[one.name for one in known])),
    )


def _next_run(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> datetime | None:
    due = "NEXT_SCHEDULED_START_TIME_ASC"
    runs = find_runs(client, deployments=[deployment.id], states=["SCHEDULED"], scheduled_after=now, sort=due, limit=1)
    return runs[0].next_scheduled_start_time if runs else None

"""What a Prefect server will start by itself, and what it did: read from its runs, not from its deployments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flows.deployments import read_deployments

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import DeploymentFilter, FlowFilter
    from prefect.client.schemas.objects import FlowRun, StateType
    from prefect.client.schemas.responses import DeploymentResponse

NIGHTLY = "nightly"
_FLOW = "run-nightly"


@dataclass(frozen=True, slots=True)
class ServerSchedule:
    """The schedules of moodlog's deployments on a server.

    Attributes:
        deployments: those with a schedule that is switched on, as the server has them.
        next_runs: by their names, when the next run of each is due; None where none is scheduled.
        last_success: when the newest nightly run that did its work ended.
        last_successes: by deployment, when the newest of its runs that did its work ended; None where none did.
        failed_since: when the newest nightly run ended, if that one failed or crashed.
    """

    deployments: tuple[DeploymentResponse, ...]
    next_runs: dict[str, datetime | None]
    last_success: datetime | None
    last_successes: dict[str, datetime | None]
    failed_since: datetime | None = None

    @property
    def unscheduled(self) -> list[str]:
        """The deployments whose schedule is switched on and for which no run is scheduled."""
        return [name for name, due in self.next_runs.items() if due is None]

    @property
    def nightly(self) -> DeploymentResponse | None:
        """The deployment of the nightly run, where its schedule is switched on."""
        return next((one for one in self.deployments if one.name == NIGHTLY), None)


def read_schedule(client: SyncPrefectClient, now: datetime) -> ServerSchedule:
    """Ask the server what is scheduled after ``now``, and when the nightly run last succeeded."""
    deployments = tuple(
        one for one in our_deployments(client) if not one.paused and any(each.active for each in one.schedules)
    )
    worked, failed = last_success(client), _last_failure(client)
    return ServerSchedule(
        deployments,
        {one.name: _next_run(client, one, now) for one in deployments},
        worked,
        {one.name: worked if one.name == NIGHTLY else _last_success_of(client, one) for one in deployments},
        failed if failed is not None and (worked is None or failed > worked) else None,
    )


def last_success(client: SyncPrefectClient) -> datetime | None:
    """When the newest nightly run that did its work ended, by whatever means it was started."""
    from prefect.client.schemas.objects import StateType

    return _last_end(client, [StateType.COMPLETED], flow_filter=_night())


def _last_success_of(client: SyncPrefectClient, deployment: DeploymentResponse) -> datetime | None:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.objects import StateType

    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
    return _last_end(client, [StateType.COMPLETED], deployment_filter=of_it)


def _last_failure(client: SyncPrefectClient) -> datetime | None:
    from prefect.client.schemas.objects import StateType

    return _last_end(client, [StateType.FAILED, StateType.CRASHED], flow_filter=_night())


def _night() -> FlowFilter:
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    return FlowFilter(name=FlowFilterName(any_=[_FLOW]))


def _last_end(
    client: SyncPrefectClient,
    states: list[StateType],
    *,
    flow_filter: FlowFilter | None = None,
    deployment_filter: DeploymentFilter | None = None,
) -> datetime | None:
    """When the newest run of the flow or the deployment that ended in one of ``states`` ended."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.sorting import FlowRunSort

    ended = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=states)))
    runs = client.read_flow_runs(
        flow_filter=flow_filter,
        deployment_filter=deployment_filter,
        flow_run_filter=ended,
        sort=FlowRunSort.END_TIME_DESC,
        limit=1,
    )
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
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterNextScheduledStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    waiting = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(after_=now),
    )
    runs: list[FlowRun] = client.read_flow_runs(
        flow_run_filter=waiting,
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=1,
    )
    return runs[0].next_scheduled_start_time if runs else None

"""Finds flow runs on a Prefect server. Only this module builds filters of flow runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import FlowRun

UNDER_WAY = ("PENDING", "RUNNING", "CANCELLING")
"""The state types of a run that a process executes, or is starting."""

MOST = 200
"""The maximum of runs in one answer of the server."""


def run_filter(
    *,
    ids: Collection[UUID] | None = None,
    states: Collection[str] | None = None,
    tags: Collection[str] = (),
    due: tuple[datetime | None, datetime | None] = (None, None),
    begun_after: datetime | None = None,
    scheduled_after: datetime | None = None,
) -> FlowRunFilter:
    """Prefect's filter for runs that meet all given conditions.

    Args:
        ids: Ids of runs.
        states: State types, for example ``UNDER_WAY``.
        tags: Tags that each run must have.
        due: The earliest and the latest expected start time.
        begun_after: The earliest start time.
        scheduled_after: The earliest next start time of scheduled runs.
    """
    from prefect.client.schemas.filters import FlowRunFilter

    after, before = due
    conditions: dict[str, Any] = {
        "id": {"any_": list(ids)} if ids is not None else None,
        "state": {"type": {"any_": list(states)}} if states is not None else None,
        "tags": {"all_": list(tags)} if tags else None,
        "expected_start_time": {"after_": after, "before_": before} if after or before else None,
        "start_time": {"after_": begun_after} if begun_after else None,
        "next_scheduled_start_time": {"after_": scheduled_after} if scheduled_after else None,
    }
    return FlowRunFilter.model_validate({name: value for name, value in conditions.items() if value})


def find_runs(
    client: SyncPrefectClient,
    *,
    deployments: Collection[UUID] | None = None,
    flow: str | UUID | None = None,
    sort: str = "ID_DESC",
    limit: int = MOST,
    **conditions: Any,
) -> list[FlowRun]:
    """The runs that meet all given conditions, see :func:`run_filter`.

    Args:
        client: The server's client.
        deployments: Ids of deployments.
        flow: The name or id of a flow.
        sort: A name of Prefect's ``FlowRunSort``.
        limit: The maximum of runs.
        **conditions: Parameters of :func:`run_filter`.
    """
    from prefect.client.schemas.filters import DeploymentFilter, FlowFilter
    from prefect.client.schemas.sorting import FlowRunSort

    by = "name" if isinstance(flow, str) else "id"
    return client.read_flow_runs(
        flow_filter=None if flow is None else FlowFilter.model_validate({by: {"any_": [flow]}}),
        flow_run_filter=run_filter(**conditions),
        deployment_filter=None
        if deployments is None
        else DeploymentFilter.model_validate({"id": {"any_": list(deployments)}}),
        sort=FlowRunSort(sort),
        limit=limit,
    )

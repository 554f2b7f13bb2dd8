"""Finds flow runs on a Prefect server. Only this module builds filters of flow runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

UNDER_WAY = ("PENDING", "RUNNING", "CANCELLING")
"""The state types of a run that a process executes, or is starting."""

MOST = 200
"""The maximum of runs in one answer of the server."""


def run_filter(
    *,
    ids: Collection[UUID] | None = None,
    states: Collection[str] | None = None,
    tags: Collection[str] = (),
    due_after: datetime | None = None,
    due_before: datetime | None = None,
    begun_after: datetime | None = None,
    scheduled_after: datetime | None = None,
) -> FlowRunFilter:
    """Prefect's filter for runs that meet all given conditions.

    ``states`` are state types; a run must have all ``tags``. ``due_after`` and ``due_before`` limit the expected start
    time, ``begun_after`` the start time, and ``scheduled_after`` the next start time of scheduled runs.
    """
    conditions: dict[str, dict[str, Any]] = {
        "id": {"any_": ids},
        "state": {"type": states and {"any_": states}},
        "tags": {"all_": tags or None},
        "expected_start_time": {"after_": due_after, "before_": due_before},
        "start_time": {"after_": begun_after},
        "next_scheduled_start_time": {"after_": scheduled_after},
    }
    given = {name: {key: one for key, one in each.items() if one is not None} for name, each in conditions.items()}
    return FlowRunFilter.model_validate({name: each for name, each in given.items() if each})


def find_runs(
    client: SyncPrefectClient,
    *,
    deployments: Collection[UUID] | None = None,
    flow: str | UUID | None = None,
    sort: str = "ID_DESC",
    limit: int = MOST,
    **conditions: Any,
) -> list[FlowRun]:
    """The runs of ``deployments`` and of ``flow``, a name or id, that meet the ``conditions`` of :func:`run_filter`.

    ``sort`` is a name of Prefect's ``FlowRunSort``.
    """
    by = "name" if isinstance(flow, str) else "id"
    wanted = None if deployments is None else DeploymentFilter.model_validate({"id": {"any_": deployments}})
    return client.read_flow_runs(
        flow_filter=FlowFilter.model_validate({by: {"any_": [flow]}}) if flow else None,
        flow_run_filter=run_filter(**conditions),
        deployment_filter=wanted,
        sort=FlowRunSort(sort),
        limit=limit,
    )

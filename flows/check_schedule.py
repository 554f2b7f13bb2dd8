"""Asks the Prefect server, where there is one, whether the nightly run is scheduled and works."""

from __future__ import annotations

import os
from pathlib import Path

from flows.local_server import running_server, server_environment
from flows.prefect_runtime import configured_server
from mood_core.errors import Unavailable
from mood_core.pipeline.check_health import Scheduled

_FLOW = "run-nightly"


def ask_prefect(home: Path) -> Scheduled | None:
    """What the server that is set, or moodlog's own if it runs, tells of the nightly run; None without a server.

    Raises:
        Unavailable: A server is set but does not answer, or refuses.
    """
    address = configured_server()
    if address is None:
        folder = home / "prefect"
        address = running_server(folder)
        if address is None:
            return None
        os.environ.update(server_environment(folder), PREFECT_API_URL=address)
    return _asked(address)


def _asked(address: str) -> Scheduled:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import DeploymentStatus, StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL, temporary_settings

    flow = FlowFilter(name=FlowFilterName(any_=[_FLOW]))
    worked = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])))
    try:
        with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
            found = client.read_deployments(flow_filter=flow)
            last = client.read_flow_runs(
                flow_filter=flow, flow_run_filter=worked, sort=FlowRunSort.END_TIME_DESC, limit=1
            )
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        raise Unavailable(
            f"the Prefect server at PREFECT_API_URL does not answer ({type(error).__name__}); start it, or set another",
            source="prefect",
        ) from None
    not_ready = DeploymentStatus.NOT_READY
    active = [one for one in found if not one.paused and any(schedule.active for schedule in one.schedules)]
    return Scheduled(
        active=bool(active),
        since=min((one.created for one in active if one.created), default=None),
        last_success=last[0].end_time if last else None,
        waits_for_worker=bool(active) and all(one.work_pool_name and one.status is not_ready for one in active),
    )

"""Starts runs in place of runs that were missed or that died.

A run is missed if ``moodlog serve`` was off at its time: the next ``moodlog serve`` starts it. The next pull replaces a
nightly run that died or met a temporary failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from flows.server.retries import if_possible, this_deployment
from flows.server.run_queries import find_runs
from flows.server.schedule_times import last_and_next
from flows.server.setup import Change
from mood_core import errors
from mood_core.app.workspace import utc_now
from mood_core.errors import MoodlogError

NIGHTLY = "run-nightly/nightly"

REPLACEMENT = "replacement"
"""The tag of a run that replaces a failed nightly run."""

ATTEMPTS = 3
"""How many runs are started in place of one run."""

SOON = timedelta(hours=1)
"""A missed run is not replaced if the next one is due within this time."""

_LOOK_BACK = timedelta(hours=24)
_RAISED = re.compile(r"encountered an exception: (\w+)")


def superseded(runs: Iterable[FlowRun], now: datetime) -> list[FlowRun]:
    """The scheduled runs whose time has passed and that are not the newest one due of their deployment."""
    newest: dict[UUID | None, FlowRun] = {}
    old = []
    due = [(run.next_scheduled_start_time, run) for run in runs if run.auto_scheduled]
    past = [(at, run) for at, run in due if at is not None and at <= now]
    for _, run in sorted(past, key=lambda one: one[0]):
        if run.deployment_id in newest:
            old.append(newest[run.deployment_id])
        newest[run.deployment_id] = run
    return old


def replace_missed_runs(client: SyncPrefectClient, deployment_ids: Sequence[UUID], now: datetime) -> Iterator[Change]:
    """Start one run of each deployment that has not completed a run since its last scheduled time."""
    for deployment_id in deployment_ids:
        deployment = client.read_deployment(deployment_id)
        due = _missed(client, deployment, now)
        if due is not None and _replace_missed(client, deployment, due):
            yield Change(f"missed run of {deployment.name}", f"due {due:%Y-%m-%d %H:%M} UTC: started now")


def _missed(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> datetime | None:
    """When the missed run of ``deployment`` was due; None if no run is missed."""
    times = [last_and_next(one.schedule, now) for one in deployment.schedules if one.active and not deployment.paused]
    last = max((last for last, _ in times if last is not None), default=None)
    is_soon = any(following is not None and following - now < SOON for _, following in times)
    if last is None or is_soon or deployment.created is None or deployment.created > last:
        return None
    return None if _is_waiting(client, deployment, now) or _has_completed(client, deployment, last) else last


def _is_waiting(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> bool:
    runs = find_runs(client, deployments=[deployment.id], states=["SCHEDULED", "PENDING", "RUNNING", "PAUSED"])
    return any(
        run.state is None
        or not run.state.is_scheduled()
        or (run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= now)
        for run in runs
    )


def _has_completed(client: SyncPrefectClient, deployment: DeploymentResponse, since: datetime) -> bool:
    """Whether a full run of the flow, of any deployment or none, began at ``since`` or later and completed."""
    runs = find_runs(client, flow=deployment.flow_id, states=["COMPLETED"], begun_after=since)
    return any(not run.parameters.get("dry_run") and not run.parameters.get("people") for run in runs)


def _replace_missed(client: SyncPrefectClient, deployment: DeploymentResponse, due: datetime) -> bool:
    """Start a run in place of the one that was ``due``; False after :data:`ATTEMPTS` such runs."""
    tag = f"missed {due:%Y-%m-%d %H:%M}"
    tried = find_runs(client, deployments=[deployment.id], tags=[tag])
    if len(tried) >= ATTEMPTS:
        return False
    client.create_flow_run_from_deployment(
        deployment.id, tags=[*deployment.tags, tag], idempotency_key=f"{deployment.id} {tag} {len(tried)}"
    )
    return True


def replace_failed_nightly_run() -> None:
    """Start the nightly deployment again if its last run died or met a temporary failure.

    Does nothing in a run without a deployment, or if the Prefect server does not answer.
    """
    if this_deployment() is None:
        return

    def replace() -> None:
        with get_client(sync_client=True) as client:
            if failed := _replace_failed(client, now=utc_now()):
                get_run_logger().warning("%s ended as %s: a replacement is started", failed.name, failed.state_name)

    if_possible(replace)


def _replace_failed(client: SyncPrefectClient, *, now: datetime) -> FlowRun | None:
    """Start a run in place of the failed nightly run, and return the failed one; None without one."""
    try:
        nightly = client.read_deployment_by_name(NIGHTLY)
    except ObjectNotFound:
        return None
    last_day: dict[str, Any] = {"due_after": now - _LOOK_BACK, "due_before": now, "sort": "EXPECTED_START_TIME_DESC"}
    failed = failed_nightly_run(find_runs(client, deployments=[nightly.id], limit=50, **last_day))
    if failed is not None:
        client.create_flow_run_from_deployment(
            nightly.id, parameters=failed.parameters, tags=[REPLACEMENT], idempotency_key=f"{REPLACEMENT}-{failed.id}"
        )
    return failed


def failed_nightly_run(runs: Sequence[FlowRun]) -> FlowRun | None:
    """The first of ``runs`` (newest first) if it failed and must be replaced; None otherwise.

    Runs for some people are ignored. A nightly run is replaced at most :data:`ATTEMPTS` times.
    """
    nights = [run for run in runs if not run.parameters.get("people")]
    if not nights or not _is_worth_repeating(nights[0]):
        return None
    replaced = next((number for number, run in enumerate(nights) if REPLACEMENT not in run.tags), len(nights))
    return nights[0] if replaced < ATTEMPTS else None


def _is_worth_repeating(run: FlowRun) -> bool:
    if run.state is None or run.state.is_crashed():
        return run.state is not None
    raised = _RAISED.search(run.state.message or "")
    return run.state.is_failed() and raised is not None and _is_retryable(raised[1])


def _is_retryable(name: str) -> bool:
    kind = getattr(errors, name, None) or getattr(httpx, name, None)
    if not isinstance(kind, type):
        return False
    return issubclass(kind, httpx.TransportError) or (issubclass(kind, MoodlogError) and kind.retryable)

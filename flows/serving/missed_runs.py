"""Runs whose time passed while ``moodlog serve`` was off or the machine slept: one run makes up for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.alerting.deadlines import dates_of
from flows.server.run_queries import find_runs
from flows.server.setup import Done

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

SOON = timedelta(hours=1)
"""A missed run is left to the next one where that is due so soon."""

ATTEMPTS = 3
"""So often a missed run is made up for where every attempt fails."""

_REACHES = (timedelta(hours=2), timedelta(days=2), timedelta(days=9), timedelta(days=40), timedelta(days=400))


def superseded(runs: Iterable[FlowRun], now: datetime) -> list[FlowRun]:
    """Those of ``runs`` whose time has passed and that a later run of the same schedule makes up for."""
    newest: dict[UUID | None, FlowRun] = {}
    old = []
    due = [run for run in runs if run.auto_scheduled and run.next_scheduled_start_time is not None]
    for run in sorted(due, key=lambda run: run.next_scheduled_start_time or now):
        if run.next_scheduled_start_time is None or run.next_scheduled_start_time > now:
            continue
        if run.deployment_id in newest:
            old.append(newest[run.deployment_id])
        newest[run.deployment_id] = run
    return old


def last_and_next(cron: str, timezone: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The last time of a schedule before ``now`` and the next one after it, as Prefect's scheduler has them."""
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=timezone)
    following = dates_of(schedule, n=1, start=now)
    for reach in _REACHES:
        if before := dates_of(schedule, n=1_000, start=now - reach, end=now):
            return before[-1], next(iter(following), None)
    return None, next(iter(following), None)


def make_up(client: SyncPrefectClient, deployment_ids: Sequence[UUID], now: datetime) -> Iterator[Done]:
    """Start one run of each deployment whose last scheduled time passed without a run that worked."""
    for deployment_id in deployment_ids:
        deployment = client.read_deployment(deployment_id)
        due = _missed(client, deployment, now)
        if due is not None and _start(client, deployment, due):
            yield Done(f"missed run of {deployment.name}", f"due {due:%Y-%m-%d %H:%M} UTC: started now")


def _missed(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> datetime | None:
    """When the run was due that ``deployment`` has missed; None where it has not."""
    times = [times_of(one.schedule, now) for one in deployment.schedules if one.active and not deployment.paused]
    last = max((last for last, _ in times if last is not None), default=None)
    following = min((following for _, following in times if following is not None), default=None)
    if last is None or (following is not None and following - now < SOON):
        return None
    if deployment.created is None or deployment.created > last:
        return None
    return None if _is_waiting(client, deployment, now) or _has_worked(client, deployment, last) else last


def times_of(schedule: Any, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The last time of a deployment's ``schedule`` before ``now`` and the next one, where it is a cron line."""
    if not hasattr(schedule, "cron"):
        return None, None
    return last_and_next(schedule.cron, schedule.timezone or "UTC", now)


def _is_waiting(client: SyncPrefectClient, deployment: DeploymentResponse, now: datetime) -> bool:
    """Whether a run of ``deployment`` is under way, or was due and will begin at once."""
    runs = find_runs(client, deployments=[deployment.id], states=["SCHEDULED", "PENDING", "RUNNING", "PAUSED"])
    return any(
        run.state is None
        or not run.state.is_scheduled()
        or (run.next_scheduled_start_time is not None and run.next_scheduled_start_time <= now)
        for run in runs
    )


def _has_worked(client: SyncPrefectClient, deployment: DeploymentResponse, since: datetime) -> bool:
    """Whether the flow of ``deployment`` did its whole work at ``since`` or later, started by whatever means."""
    runs = find_runs(client, flow=deployment.flow_id, states=["COMPLETED"], begun_after=since)
    return any(not run.parameters.get("dry_run") and not run.parameters.get("people") for run in runs)


def _start(client: SyncPrefectClient, deployment: DeploymentResponse, due: datetime) -> bool:
    """Start the run that makes up for the one that was ``due``; False where that was tried often enough."""
    tag = f"missed {due:%Y-%m-%d %H:%M}"
    tried = find_runs(client, deployments=[deployment.id], tags=[tag])
    if len(tried) >= ATTEMPTS:
        return False
    client.create_flow_run_from_deployment(
        deployment.id, tags=[*deployment.tags, tag], idempotency_key=f"{deployment.id} {tag} {len(tried)}"
    )
    return True

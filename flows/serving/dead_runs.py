"""Finds flow runs whose process has died, and ends them with their task runs and leases.

The process of a run is known from the label that moodlog puts on the run, from the record that ``moodlog serve`` keeps
(see ``run_records``), or from the process number that Prefect stores. That number is not unique across hosts, so it is
reported but never acted on.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed

from flows.server.process_lock import holder
from flows.server.retries import with_retries
from flows.server.run_queries import UNDER_WAY, find_runs, run_filter
from flows.server.schedule import our_deployments
from flows.server.setup import Change, unused_slots
from flows.serving.run_records import RunRecords
from mood_core.app.workspace import Workspace, utc_now
from mood_core.processes import number_may_run
from mood_core.store.locks.leases import may_live, owner_here

OWNER = "moodlog.owner"
"""The label of a flow run with the host and process that execute it, in the format of lease owners."""

PENDING_LIMIT = timedelta(minutes=15)
"""How long a run may be pending. A worker that dies after it picked a run leaves it pending forever."""

MESSAGE = "its process has ended"
_STOPPED = "its process ended together with moodlog serve; the next run does what was left"
_START_LIMIT = timedelta(seconds=90)
_LOOK_BACK = timedelta(days=7)
_SERVER_S = 10.0
_ORPHAN_S = 15.0
_POLL_S = 0.2
_PAGE = 200


def begin_run() -> None:
    """Record which process executes this flow run, and end dead runs. Failures are logged only."""
    if flow_run.id is None:
        return
    labels: dict[str, bool | int | float | str] = {OWNER: owner_here(str(flow_run.id))}
    try:
        with get_client(sync_client=True) as client:
            with_retries(lambda: client.update_flow_run_labels(UUID(flow_run.id), labels), for_s=_SERVER_S)
            for run in end_dead_runs(client):
                get_run_logger().warning("%s is marked as Crashed: %s", run.name, MESSAGE)
    except Exception as error:  # noqa: BLE001 - a run does its work without this cleanup
        get_run_logger().warning("The search for dead runs failed: %s: %s", type(error).__name__, error)


def has_died(run: FlowRun) -> bool:
    """Whether the process of ``run`` has ended, or none started it within :data:`PENDING_LIMIT`.

    False if that is unknown, for example for a process on another host.
    """
    owner = run.labels.get(OWNER)
    if owner is None and run.state is not None and run.state.is_pending():
        return utc_now() - run.state.timestamp > PENDING_LIMIT
    return isinstance(owner, str) and not may_live(owner)


def end_dead_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Mark moodlog's dead runs and the task runs of every ended run as Crashed, and release the leases.

    Processes on other hosts cannot be checked from here: the automation of ``alerting.automations`` ends their runs.
    Returns the runs that were marked.
    """
    recent: dict[str, Any] = {"tags": ["moodlog"], "due_after": utc_now() - _LOOK_BACK}
    found = find_runs(client, states=UNDER_WAY, **recent)
    ended = [run for run in found if has_died(run) and _end(client, run.id, MESSAGE)]
    release_leases([str(run.id) for run in ended])
    _end_task_runs(client, run_filter(states=["CRASHED", "FAILED", "CANCELLED"], **recent))
    return ended


def release_leases(run_ids: Sequence[str]) -> None:
    """Release the account leases of dead runs, so that the next run does not wait until they expire.

    Raises:
        StoreError: The database fails.
    """
    if run_ids:
        with Workspace() as workspace:
            for run_id in run_ids:
                workspace.accounts.leases.release_run(run_id)


def wait_for_orphans(records: RunRecords) -> None:
    """Wait for the run processes that a killed ``moodlog serve`` left behind; kill them after 15 s."""
    deadline = time.monotonic() + _ORPHAN_S
    while living := [record for record in records.all() if record.process is not None]:
        if time.monotonic() > deadline:
            for record in living:
                records.kill(record)
        time.sleep(_POLL_S)


def end_recorded_runs(
    client: SyncPrefectClient, records: RunRecords, *, starting: Collection[str] = (), min_age_s: float = 0.0
) -> Iterator[Change]:
    """Mark the recorded runs whose process has died as Crashed, and delete their records.

    Skips the runs with the ids ``starting``, whose process is being started, and records and ended runs younger than
    ``min_age_s``, because Prefect records task runs with a delay.
    """
    for record in records.all():
        if record.process is not None or record.run_id in starting or record.age_s < min_age_s:
            continue
        run = _read(client, record.run_id)
        if run is not None and run.end_time is not None and (utc_now() - run.end_time).total_seconds() < min_age_s:
            continue
        if run is not None and not (run.state is not None and (run.state.is_scheduled() or run.state.is_paused())):
            yield from _end_with_tasks(client, run)
        records.end(record.run_id)


def end_unrecorded_runs(client: SyncPrefectClient) -> Iterator[Change]:
    """Mark every run under way as Crashed, except those of a work pool, which belong to workers.

    Only for a server that this home alone uses, and before any run is started there.
    """
    ids = [one.id for one in our_deployments(client) if one.work_pool_name is None]
    for run in find_runs(client, deployments=ids, states=UNDER_WAY):
        if run.work_pool_name is None:
            yield from _end_with_tasks(client, run)


def find_dead(client: SyncPrefectClient, records: RunRecords | None) -> Iterator[str]:
    """Name the runs that no process executes although the server shows them as under way, and their unused slots.

    ``records`` are those of the ``moodlog serve`` that uses this server, if any.
    """
    deployments = our_deployments(client)
    for run in find_runs(client, deployments=[one.id for one in deployments], states=UNDER_WAY):
        if has_died(run) or _seems_dead(run, records, utc_now()):
            yield f"run {run.name}"
    for name, _ in unused_slots(client):
        yield f"a slot of {name}"


def _seems_dead(run: FlowRun, records: RunRecords | None, now: datetime) -> bool:
    host, _, process = (run.infrastructure_pid or "").partition(":")
    if process:
        return not number_may_run(host, process)
    if records is not None and (file := records.file(str(run.id))).exists():
        return holder(file) is None and now.timestamp() - file.stat().st_mtime > _START_LIMIT.total_seconds()
    return run.state is not None and run.state.is_pending() and now - run.state.timestamp > PENDING_LIMIT


def _read(client: SyncPrefectClient, run_id: str) -> FlowRun | None:
    try:
        return next(iter(find_runs(client, ids=[UUID(run_id)])), None)
    except ValueError:  # the record's file name is not a run's id
        return None


def _end_with_tasks(client: SyncPrefectClient, run: FlowRun) -> Iterator[Change]:
    if state := _end(client, run.id, _STOPPED):
        yield Change(f"run {run.name}", f"{state.lower()}: {_STOPPED}")
    _end_task_runs(client, run_filter(ids=[run.id]))


def _end(client: SyncPrefectClient, run_id: UUID, message: str) -> str | None:
    """Mark a run as Crashed, or as Cancelled if it is being cancelled; returns the state, None if it has ended."""
    now = client.read_flow_run(run_id).state
    if now is not None and now.is_final():
        return None
    is_cancelling = now is not None and now.is_cancelling()
    state: State[None] = Cancelled(message=message) if is_cancelling else Crashed(message=message)
    client.set_flow_run_state(run_id, state, force=True)
    return state.name


def _end_task_runs(client: SyncPrefectClient, runs: FlowRunFilter) -> None:
    unfinished = TaskRunFilter.model_validate({"state": {"type": {"any_": [*UNDER_WAY, "SCHEDULED", "PAUSED"]}}})
    found: list[Any] = []
    while page := client.read_task_runs(
        flow_run_filter=runs, task_run_filter=unfinished, limit=_PAGE, offset=len(found)
    ):
        found += page
    for task_run in found:
        client.set_task_run_state(task_run.id, Crashed(message="its flow run has ended"), force=True)

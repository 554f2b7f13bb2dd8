"""Marks flow runs whose process has died with its ``moodlog serve`` as crashed, and their tasks as well."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from flows.deployments import Deployment
from flows.server.run_queries import UNDER_WAY, find_runs
from flows.server.setup import Done, deployed
from flows.serving.run_records import Record, RunRecords
from mood_core.app.workspace import utc_now

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, TaskRun

_ORPHAN_S = 15.0
_POLL_S = 0.2
MESSAGE = "its process ended together with moodlog serve; the next run does what was left"


def end_orphans(records: RunRecords) -> None:
    """Wait for the processes that a killed ``moodlog serve`` left behind, and kill those that do not end."""
    deadline = time.monotonic() + _ORPHAN_S
    while living := [record for record in records.all() if record.process is not None]:
        if time.monotonic() > deadline:
            for record in living:
                records.kill(record)
        time.sleep(_POLL_S)


def settle(
    client: SyncPrefectClient, records: RunRecords, *, but: Collection[str] = (), older_s: float = 0.0
) -> Iterator[Done]:
    """Mark the recorded runs whose process has died as crashed, where they do not have a final state already.

    ``but`` are runs whose process is just being started; records younger than ``older_s`` are left for the next time.
    """
    for record in records.all():
        if record.process is not None or record.run_id in but or record.age_s < older_s:
            continue
        run = _read(client, record)
        if run is not None and run.end_time is not None and (utc_now() - run.end_time).total_seconds() < older_s:
            continue  # what its tasks did is recorded some moments after they ended
        if run is not None and not (run.state is not None and (run.state.is_scheduled() or run.state.is_paused())):
            yield from _crash(client, run)
        records.end(record.run_id)


def settle_unrecorded(client: SyncPrefectClient, deployments: Collection[Deployment]) -> Iterator[Done]:
    """Mark runs of ``deployments`` as crashed that are under way although no process is known for them.

    Only for a server that belongs to this home alone, before anything is started there. Runs of a work pool are left
    alone: they belong to workers.
    """
    ids = [one.id for one in deployed(client, list(deployments)) if one.work_pool_name is None]
    for run in find_runs(client, deployments=ids, states=UNDER_WAY):
        if run.work_pool_name is None:
            yield from _crash(client, run)


def _read(client: SyncPrefectClient, record: Record) -> FlowRun | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_flow_run(UUID(record.run_id))
    except (ObjectNotFound, ValueError):
        return None


def _crash(client: SyncPrefectClient, run: FlowRun) -> Iterator[Done]:
    from prefect.client.schemas.objects import State
    from prefect.states import Cancelled, Crashed

    if run.state is None or not run.state.is_final():
        is_cancelling = run.state is not None and run.state.is_cancelling()
        state: State[None] = Cancelled(message=MESSAGE) if is_cancelling else Crashed(message=MESSAGE)
        client.set_flow_run_state(run.id, state, force=True)
        yield Done(f"run {run.name}", f"{'cancelled' if is_cancelling else 'crashed'}: {MESSAGE}")
    for task in _unfinished_tasks(client, run.id):
        client.set_task_run_state(task.id, Crashed(message=MESSAGE), force=True)


def _unfinished_tasks(client: SyncPrefectClient, run_id: UUID) -> list[TaskRun]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    found: list[TaskRun] = []
    while page := client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])), limit=200, offset=len(found)
    ):
        found += page
    return [task for task in found if task.state is None or not task.state.is_final()]

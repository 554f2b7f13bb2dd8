"""Ends what runs leave behind whose process has died: the run itself, its task runs, and its leases of accounts.

Prefect records a process by its number alone, which says nothing on another host. So a run of moodlog records itself
who executes it, as a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flows.server.run_queries import UNDER_WAY, find_runs, run_filter
from mood_core.app.workspace import Workspace, utc_now
from mood_core.store.locks.leases import may_live, owner_here

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

OWNER = "moodlog.owner"
"""The label of a flow run that says which process of which host executes it, as leases name their owners."""

DIED = "the process of this run has ended"

NEVER_BEGAN = timedelta(minutes=15)
"""How long a run may be pending: a worker that died after it had picked one leaves it so for ever."""

_LOOK_BACK = timedelta(days=7)
_SERVER_S = 10.0


def begin_run() -> None:
    """Record which process executes this flow run, and end the dead ones. A server that is away changes nothing."""
    from prefect import get_run_logger
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    from flows.server.calls import patiently

    if flow_run.id is None:
        return
    try:
        with get_client(sync_client=True) as client:
            patiently(lambda: record_owner(client, flow_run.id), for_s=_SERVER_S)
            for run in end_dead_runs(client):
                get_run_logger().warning("%s is marked as Crashed: %s", run.name, DIED)
    except Exception as error:  # noqa: BLE001 - housekeeping must not cost a night
        get_run_logger().warning("dead runs are not looked for: %s: %s", type(error).__name__, error)


def record_owner(client: SyncPrefectClient, run_id: UUID | str) -> None:
    """Record on the flow run ``run_id`` that this process executes it."""
    from uuid import UUID

    client.update_flow_run_labels(UUID(str(run_id)), {OWNER: owner_here(str(run_id))})


def has_died(run: FlowRun) -> bool:
    """Whether the process that executes ``run`` has ended, or none has begun it in time.

    False where that is not known, as of a process on another host.
    """
    owner = run.labels.get(OWNER)
    if owner is None and run.state is not None and run.state.is_pending():
        return utc_now() - run.state.timestamp > NEVER_BEGAN
    return isinstance(owner, str) and not may_live(owner)


def end_dead_runs(client: SyncPrefectClient) -> list[FlowRun]:
    """Mark as Crashed the runs of moodlog whose process on this host has ended, and every task run of a dead run.

    Also releases their leases. A process on another host cannot be seen from here: the automation "a run has died"
    ends its run. Returns the runs that were marked.
    """
    ended = [run for run in find_runs(client, states=UNDER_WAY, **_ours()) if has_died(run) and _mark(client, run)]
    release_leases([str(run.id) for run in ended])
    end_task_runs(client)
    return ended


def end_task_runs(client: SyncPrefectClient) -> int:
    """Mark as Crashed the task runs that have not ended although their flow run has; returns how many."""
    from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterState, TaskRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    unfinished = [StateType.PENDING, StateType.RUNNING]
    found = client.read_task_runs(
        flow_run_filter=run_filter(states=["CRASHED", "FAILED", "CANCELLED"], **_ours()),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=unfinished))),
    )
    for task_run in found:
        client.set_task_run_state(task_run.id, Crashed(message="its flow run has ended"), force=True)
    return len(found)


def release_leases(runs: Sequence[str]) -> None:
    """Release the accounts that the dead ``runs``, by id, hold: the next run does not wait until their leases end.

    Raises:
        StoreError: The database fails.
    """
    if runs:
        with Workspace() as workspace:
            for run in runs:
                workspace.accounts.release_run(run)


def _ours() -> dict[str, Any]:
    """The conditions of a run of moodlog of the last days."""
    return {"tags": ["moodlog"], "due": (utc_now() - _LOOK_BACK, None)}


def _mark(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Mark ``run`` as Crashed; False where it ended by itself meanwhile."""
    from prefect.states import Crashed

    client.set_flow_run_state(run.id, Crashed(message=DIED))
    state = client.read_flow_run(run.id).state
    return state is not None and state.is_crashed()

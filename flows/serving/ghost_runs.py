"""Runs that a Prefect server shows as under way although nothing works on them, and slots that no run holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.server.process_lock import holder
from flows.server.run_queries import UNDER_WAY, find_runs
from flows.server.setup import is_under_way
from flows.serving.run_owners import has_died
from flows.serving.run_records import RunRecords
from mood_core.processes import number_may_run

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

NEVER_BEGAN = timedelta(minutes=15)
"""How long a run that was handed to a process may take to begin."""


def ghosts(
    client: SyncPrefectClient,
    deployments: Sequence[DeploymentResponse],
    records: RunRecords | None,
    now: datetime,
) -> Iterator[str]:
    """The names of such runs and slots of ``deployments``; ``records`` are those of the server's ``moodlog serve``."""
    for run in find_runs(client, deployments=[one.id for one in deployments], states=UNDER_WAY):
        if _is_ghost(run, records, now):
            yield f"run {run.name}"
    for deployment in deployments:
        limit = deployment.global_concurrency_limit
        if limit is not None and limit.active_slots and not is_under_way(client, deployment):
            yield f"a slot of {deployment.name}"


def _is_ghost(run: FlowRun, records: RunRecords | None, now: datetime) -> bool:
    if has_died(run):
        return True
    host, _, process = (run.infrastructure_pid or "").partition(":")
    if process:
        return not number_may_run(host, process)
    if records is not None and (file := records.file(str(run.id))).exists():
        return holder(file) is None and now.timestamp() - file.stat().st_mtime > NEVER_BEGAN.total_seconds() / 10
    is_pending = run.state is not None and run.state.is_pending()
    return is_pending and run.state is not None and now - run.state.timestamp > NEVER_BEGAN

"""The flow runs of shards on the Prefect server: reading them, taking one from the workers, and their outcomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Completed, Crashed, Pending

from flows.pull_accounts import OUTCOMES
from mood_core.usecases.nightly.pull_listens import PullOutcome

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import OrchestrationResult

TAKEN = "TakenOver"
"""The state of a shard's run that no worker had begun when the run that shares was idle."""


def read_runs(client: SyncPrefectClient, run_ids: Sequence[UUID]) -> list[FlowRun]:
    """The runs ``run_ids`` as they stand."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    if not run_ids:
        return []
    return client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(run_ids))))


def take(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Take the scheduled ``run`` from the workers; False where one of them was faster.

    The server lets one of several pass to Pending, as it does for workers that compete for a run.
    """
    asked: OrchestrationResult[None] = client.set_flow_run_state(
        run.id, Pending(message="taken over by the run that shares it")
    )
    if asked.status != SetStateStatus.ACCEPT:
        return False
    client.set_flow_run_state(run.id, Completed(name=TAKEN, message="pulled by the run that shares it"))
    return True


def crash(client: SyncPrefectClient, run: FlowRun, message: str) -> None:
    """Mark ``run`` as Crashed."""
    client.set_flow_run_state(run.id, Crashed(message=message))


def outcomes_of(client: SyncPrefectClient, run_id: UUID) -> list[PullOutcome]:
    """What the run ``run_id`` of a shard reported of its accounts; nothing where it did not come to that."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId

    artifacts = client.read_artifacts(
        artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[OUTCOMES])),
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])),
    )
    return [PullOutcome(**row) for artifact in artifacts for row in json.loads(str(artifact.data))]

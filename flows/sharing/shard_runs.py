"""The flow runs of shards on the Prefect server: take one over from the workers, end one, read its outcomes."""

from __future__ import annotations

import json
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Completed, Pending

from flows.pull_accounts import OUTCOMES
from flows.server.run_queries import run_filter
from mood_core.usecases.nightly.pull_listens import PullOutcome


def take_over(client: SyncPrefectClient, run: FlowRun, message: str = "pulled by the parent run") -> bool:
    """Take the scheduled ``run`` over from the workers; False if a worker was faster.

    The server accepts the state Pending from one client only, as for workers that compete for a run.
    """
    pending: State[None] = Pending(message="taken over by the parent run")
    if client.set_flow_run_state(run.id, pending).status != SetStateStatus.ACCEPT:
        return False
    client.set_flow_run_state(run.id, Completed(name="TakenOver", message=message))
    return True


def outcomes_of(client: SyncPrefectClient, run_id: UUID) -> list[PullOutcome]:
    """The outcomes that the run of a shard reported; empty if it ended before that."""
    key = ArtifactFilter(key=ArtifactFilterKey(any_=[OUTCOMES]))
    artifacts = client.read_artifacts(artifact_filter=key, flow_run_filter=run_filter(ids=[run_id]))
    return [PullOutcome(**row) for artifact in artifacts for row in json.loads(str(artifact.data))]

"""Shares the accounts of a run among workers: a flow run for each shard, on whatever workers there are.

The run that shares waits for the others. A shard that no worker has begun after a while it pulls itself, so that a
pool that is busy, or has no other worker, never holds it up. A shard whose process died is given out again: what was
stored stays, the claims of the dead end, and nothing is stored twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run as this_run
from prefect.states import Cancelled

from flows.pull_accounts import OUTCOMES
from flows.tasks import PULL_S, pull_shard
from mood_core.bootstrap import utc_now
from mood_core.errors import ConfigError, Unavailable
from mood_core.pipeline.pull_listens import PullOutcome
from mood_core.store.claims import LEASE_S

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

DEPLOYMENT = "pull-accounts/pull-shard"

LARGEST = 5_000
"""Accounts in one shard: their ids are parameters of a run, which Prefect keeps below half a megabyte."""

PATIENCE_S = 60.0
"""How long a shard may wait for a worker before the run that shares pulls it itself."""

_POLL_S = 2.0
_ROUNDS = 3


def pull_shared(shards: Sequence[Sequence[str]], *, dry_run: bool) -> list[PullOutcome]:
    """Pull ``shards`` of accounts, each in a flow run of its own; an outcome for each account that was pulled.

    Raises:
        ConfigError: The deployment of shards is not on the server.
        StoreError: The database or the lake fails.
    """
    waiting = list(_small_enough(shards))
    with get_client(sync_client=True) as client:
        sharing = _Sharing(client, dry_run=dry_run)
        for round_ in range(_ROUNDS):
            waiting = sharing.give_out(waiting, round_)
    lost = [user_id for part in waiting for user_id in part]
    return [*sharing.outcomes, *(_lost(user_id) for user_id in lost)]


def _small_enough(shards: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for shard in shards:
        for start in range(0, len(shard), LARGEST):
            yield list(shard[start : start + LARGEST])


def _lost(user_id: str) -> PullOutcome:
    problem = f"{_ROUNDS} runs that were to pull it died; the workers' logs may say why"
    return PullOutcome(user_id, problem=problem, exit_code=Unavailable.exit_code)


@dataclass(frozen=True, slots=True)
class _Shard:
    user_ids: list[str]
    run_id: UUID


class _Sharing:
    """Gives out shards in rounds and gathers the outcomes of their accounts."""

    def __init__(self, client: SyncPrefectClient, *, dry_run: bool) -> None:
        self._client = client
        self._dry_run = dry_run
        self.outcomes: list[PullOutcome] = []

    def give_out(self, parts: Sequence[list[str]], round_: int) -> list[list[str]]:
        """Give out ``parts`` and wait for their end; returns the accounts of runs that died, in parts again."""
        shards = [self._submit(part, number, round_) for number, part in enumerate(parts, start=1)]
        died = []
        for shard in self._ended(shards):
            told = _outcomes_of(self._client, shard.run_id)
            self.outcomes += told
            known = {outcome.user_id for outcome in told}
            state = self._client.read_flow_run(shard.run_id).state
            # What a run that ended by itself says nothing of is being pulled by somebody else.
            if state is None or not (state.is_completed() or state.is_failed()):
                get_run_logger().warning("the run of a shard died; its accounts are given out again")
                died.append([user_id for user_id in shard.user_ids if user_id not in known])
        return died

    def _submit(self, user_ids: list[str], number: int, round_: int) -> _Shard:
        """Make the run of a shard. In the last round it begins when the claims of the dead have ended for certain."""
        label = f"shard {number}" + (f", again ({round_})" if round_ else "")
        try:
            run: Any = run_deployment(
                DEPLOYMENT,
                parameters={"user_ids": user_ids, "label": label, "dry_run": self._dry_run},
                scheduled_time=utc_now() + timedelta(seconds=LEASE_S) if round_ == _ROUNDS - 1 else None,
                timeout=0,
                # Made once, also where the run that shares is itself repeated.
                idempotency_key=f"{this_run.id}-{round_}-{number}",
            )
        except ObjectNotFound as error:
            raise ConfigError(
                f"{DEPLOYMENT} is not on the Prefect server; run `prefect deploy --all`, or do not set share"
            ) from error
        return _Shard(user_ids, run.id)

    def _ended(self, shards: Sequence[_Shard]) -> Iterator[_Shard]:
        """The shards, as their runs end. Those that nobody begins are pulled here and left out."""
        waiting = {shard.run_id: shard for shard in shards}
        deadline = time.monotonic() + PULL_S
        while waiting and time.monotonic() < deadline:
            for run in _runs(self._client, waiting):
                if run.state is not None and run.state.is_final():
                    yield waiting.pop(run.id)
                elif _nobody_begins(run) and _take_back(self._client, run):
                    get_run_logger().info("no worker began %s within %d s: pulled here", run.name, PATIENCE_S)
                    self.outcomes += pull_shard(waiting.pop(run.id).user_ids, run.name, dry_run=self._dry_run)
            if waiting:
                time.sleep(_POLL_S)
        yield from waiting.values()


def _runs(client: SyncPrefectClient, run_ids: Iterable[UUID]) -> list[FlowRun]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    return client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(run_ids))))


def _nobody_begins(run: FlowRun) -> bool:
    due = run.next_scheduled_start_time or run.expected_start_time
    is_waiting = run.state is not None and run.state.is_scheduled()
    return is_waiting and due is not None and utc_now() - due > timedelta(seconds=PATIENCE_S)


def _take_back(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Cancel a run that has not begun; False where a worker was faster."""
    client.set_flow_run_state(run.id, Cancelled(message="no worker began it; pulled by the run that shared it"))
    state = client.read_flow_run(run.id).state
    return state is not None and state.is_cancelled()


def _outcomes_of(client: SyncPrefectClient, run_id: UUID) -> list[PullOutcome]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId

    artifacts = client.read_artifacts(
        artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[OUTCOMES])),
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])),
    )
    return [PullOutcome(**row) for artifact in artifacts for row in json.loads(str(artifact.data))]

"""Shares the accounts of a run among workers, with one flow run for each shard.

The parent run also works: when idle, it takes over a shard that no worker has started, so that a busy pool, or one
without workers, delays nothing. A shard whose process died is submitted again: stored listens stay, the leases of the
dead run are released, and no listen is stored twice. While the server does not answer, calls are retried; if it stays
away, this run pulls every shard.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run as this_run
from prefect.states import Crashed

from flows.options import PULL_S
from flows.server.retries import with_retries
from flows.server.run_queries import find_runs
from flows.serving.dead_runs import has_died, release_leases
from flows.sharing.shard_runs import outcomes_of, take_over
from flows.tasks import pull_shard
from mood_core.app.workspace import utc_now
from mood_core.errors import ConfigError, MoodlogError, Unavailable
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested

DEPLOYMENT = "pull-accounts/pull-shard"

LARGEST = 5_000
"""The maximum of accounts in one shard: their ids are parameters, which Prefect limits to 512 KB for each run."""

PENDING_S = 60.0
"""How long a run may be pending without a process, which a living worker starts at once."""

STARTING_S = 300.0
"""How long a process may take to start its run."""

_POLL_S = 2.0
_TRIES = 3


def pull_shared(shards: Sequence[Sequence[str]], *, dry_run: bool) -> list[PullOutcome]:
    """Pull each of ``shards`` in its own flow run or here; returns the reported outcomes.

    Raises:
        ConfigError: The deployment pull-shard is not on the server.
        StoreError: The database or the lake fails.
    """
    parts = [_Shard(number, part) for number, part in enumerate(_small_enough(shards), start=1)]
    with get_client(sync_client=True) as client:
        sharing = _Sharing(client, parts, dry_run=dry_run)
        try:
            sharing.finish()
        except Unavailable as error:
            if error.source != "prefect":
                raise
            get_run_logger().warning("%s This run pulls every shard.", error.message)
            sharing.finish_alone()
    return sharing.outcomes


def _small_enough(shards: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for shard in shards:
        for start in range(0, len(shard), LARGEST):
            yield list(shard[start : start + LARGEST])


@dataclass(slots=True)
class _Shard:
    """The accounts of one run: ``run_id`` is the run of the latest try, ``deaths`` the number of runs that died."""

    number: int
    user_ids: list[str]
    tries: int = 0
    deaths: int = 0
    run_id: UUID | None = None

    @property
    def label(self) -> str:
        return f"shard {self.number}" + (f", try {self.tries}" if self.tries > 1 else "")

    @property
    def key(self) -> str:
        """The idempotency key of one try at these accounts, even if the parent run itself is retried."""
        accounts = sha256("\n".join(self.user_ids).encode()).hexdigest()[:16]
        return f"{this_run.id}-{self.number}-{self.tries}-{accounts}"


class _Sharing:
    """Submits shards, pulls some itself, and collects the outcomes of their accounts."""

    def __init__(self, client: SyncPrefectClient, shards: Sequence[_Shard], *, dry_run: bool) -> None:
        self._client = client
        self._dry_run = dry_run
        self._open = list(shards)
        self._own: tuple[_Shard, PrefectFuture[list[PullOutcome]]] | None = None
        self.outcomes: list[PullOutcome] = []

    def finish(self) -> None:
        """Return when every shard is pulled, here or by a worker, or has failed; early after a request to stop.

        Raises:
            Unavailable: The Prefect server does not answer.
        """
        deadline = time.monotonic() + PULL_S
        for shard in self._open:
            self._submit(shard)
        while (self._open or self._own) and time.monotonic() < deadline:
            if stop_requested() and self._own is None:
                return
            runs = self._runs()
            for shard, run in runs:
                self._check(shard, run)
            self._work(runs)
        for shard in self._open:
            self._give_up(shard, f"{shard.label} did not end within {PULL_S / 3600:.0f} hours")

    def finish_alone(self) -> None:
        """Pull the open shards without the server. Accounts that another run pulls have leases, and are skipped."""
        if self._own is not None:
            self._collect(*self._own)
        for shard in self._open:
            self.outcomes += pull_shard(shard.user_ids, shard.label, dry_run=self._dry_run)

    def _submit(self, shard: _Shard) -> None:
        """Create the run of the shard's next try. An ended run belongs to an earlier attempt of the parent run."""
        is_new = False
        while not is_new:
            shard.tries += 1
            run = with_retries(lambda: self._create_run(shard))
            is_new = run.state is None or not run.state.is_final()
            shard.run_id = run.id

    def _create_run(self, shard: _Shard) -> FlowRun:
        parameters = {"user_ids": shard.user_ids, "label": shard.label, "dry_run": self._dry_run}
        try:
            run: Any = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0, idempotency_key=shard.key)
        except ObjectNotFound as error:
            raise ConfigError(
                f"{DEPLOYMENT} is not on the Prefect server; run `prefect deploy --all`, or leave share off"
            ) from error
        return run  # type: ignore[no-any-return]

    def _runs(self) -> list[tuple[_Shard, FlowRun]]:
        ids = [shard.run_id for shard in self._open if shard.run_id]
        runs = with_retries(lambda: find_runs(self._client, ids=ids)) if ids else []
        return [(shard, run) for shard in self._open for run in runs if run.id == shard.run_id]

    def _check(self, shard: _Shard, run: FlowRun) -> None:
        if run.state is None:
            return
        if run.state.is_running() and has_died(run):
            self._crash(run, "its process has ended")
        elif run.state.is_final():
            self._open.remove(shard)
            self._collect_ended(shard, run)

    def _crash(self, run: FlowRun, message: str) -> None:
        with_retries(lambda: self._client.set_flow_run_state(run.id, Crashed(message=message)))

    def _collect_ended(self, shard: _Shard, run: FlowRun) -> None:
        """Collect the outcomes of an ended run; submit the rest of its accounts again if it died."""
        outcomes = with_retries(lambda: outcomes_of(self._client, run.id))
        self.outcomes += outcomes
        reported = {outcome.user_id for outcome in outcomes}
        rest = [user_id for user_id in shard.user_ids if user_id not in reported]
        if run.state is None or run.state.is_completed() or not rest:
            return
        shard.user_ids = rest
        if run.state.is_failed():
            self._give_up(shard, f"{run.name} failed: {run.state.message}")
        elif shard.deaths + 1 >= _TRIES:
            self._give_up(shard, f"{_TRIES} runs of this shard died; see the workers' logs")
        else:
            get_run_logger().warning("%s died; its accounts are submitted again", run.name)
            shard.deaths += 1
            release_leases([str(run.id)])
            self._submit(shard)
            self._open.append(shard)

    def _give_up(self, shard: _Shard, problem: str) -> None:
        self.outcomes += [
            PullOutcome(user_id, problem=problem, exit_code=Unavailable.exit_code) for user_id in shard.user_ids
        ]

    def _work(self, runs: Sequence[tuple[_Shard, FlowRun]]) -> None:
        """Wait up to 2 s for the shard that is pulled here; or take over one of ``runs``; or wait for the workers."""
        if self._own is not None:
            with suppress(TimeoutError):
                self._collect(*self._own, for_s=_POLL_S)
                self._own = None
            return
        for shard, run in reversed(runs) if not stop_requested() else ():
            if shard.run_id == run.id and shard in self._open and self._take_over(run):
                self._open.remove(shard)
                self._own = shard, pull_shard.submit(shard.user_ids, shard.label, dry_run=self._dry_run)
                return
        if self._open:
            time.sleep(_POLL_S)

    def _take_over(self, run: FlowRun) -> bool:
        """Take ``run`` over from the workers; False if a worker has started it."""
        if run.state is None:
            return False
        if run.state.is_scheduled():
            return with_retries(lambda: take_over(self._client, run))
        limit = timedelta(seconds=STARTING_S if run.infrastructure_pid else PENDING_S)
        if run.state.is_pending() and utc_now() - run.state.timestamp > limit:
            get_run_logger().warning("no process started %s: pulled here", run.name)
            self._crash(run, "no process started it; pulled by the parent run")
            return True
        return False

    def _collect(self, shard: _Shard, future: PrefectFuture[list[PullOutcome]], *, for_s: float | None = None) -> None:
        try:
            self.outcomes += future.result(timeout=for_s)
        except MoodlogError as error:
            self._give_up(shard, error.message)

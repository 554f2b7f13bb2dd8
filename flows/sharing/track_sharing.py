"""Shares features and labels among workers: helpers are flow runs that work on shards of tracks, as this run does.

The database decides who works on which shard, so a helper that never starts or dies delays nothing: this run takes its
shards. Without the Prefect server or the deployment, this run does all of them. At the end, this run alone looks up by
ISRC what the shards have not found, because tracks in different shards can share an ISRC.
"""

from __future__ import annotations

import time
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run as this_run

from flows.label_shards import SHARDS_DONE
from flows.server.retries import if_possible
from flows.server.run_queries import find_runs, run_filter
from flows.serving.dead_runs import has_died
from flows.sharing.shard_runs import take_over
from flows.tasks import (
    ShardsDone,
    fetch_and_label_selected,
    fetch_missing_features,
    find_names,
    label_selected,
    start_shards,
    work_on_shards,
)
from mood_core.app.workspace import Workspace
from mood_core.store.queries.selection import Selection
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.stop_request import stop_requested

DEPLOYMENT = "label-shards/label-shards"

_POLL_S = 2.0
_ENDING_S = 60.0
"""How long the last helper may take to report, after all its shards are done."""


def fetch_and_label_shared(report: NightReport, *, ask_again: bool = False, label: bool = True) -> None:
    """Like :func:`flows.tasks.fetch_and_label` for all tracks, together with helpers on all workers.

    With one shard or less there are no helpers, and the run is as without ``share``.
    """
    if stop_requested():
        return
    find_names(report)
    helpers = start_shards(ask_again=ask_again) - 1
    if helpers < 1:
        fetch_and_label_selected(report, Selection(), ask_again=ask_again, label=label)
        return
    with get_client(sync_client=True) as client:
        runs = _start(helpers, {"ask_again": ask_again, "label": label})
        done = work_on_shards(ask_again=ask_again, label=label)
        while _others_work():
            done.add(work_on_shards(ask_again=ask_again, label=label))
        for one in _reports(client, runs):
            done.add(one)
    report.features = done.features
    if not stop_requested():
        stopped = sorted({stop.service for stop in done.features.stopped})
        report.features.add(fetch_missing_features(Selection(), ask_again=ask_again, stopped_in_shards=stopped))
    if label and not stop_requested():
        report.labels = label_selected(Selection(), done.labels)


def _start(helpers: int, parameters: dict[str, Any]) -> list[FlowRun]:
    """Create the runs of the helpers; fewer if the server does not answer or does not have the deployment."""
    runs = []
    for number in range(1, helpers + 1):
        given = parameters | {"helper": f"shards, helper {number}"}
        key = f"{this_run.id}-tracks-{number}"
        try:
            run: Any = if_possible(lambda: run_deployment(DEPLOYMENT, parameters=given, timeout=0, idempotency_key=key))  # noqa: B023
        except ObjectNotFound:
            get_run_logger().warning(
                "%s is not on the Prefect server, so this run does all shards; run `prefect deploy --all`", DEPLOYMENT
            )
            break
        if run is None:
            break
        runs.append(run)
    return runs


def _others_work() -> bool:
    """Wait until no helper works on a shard; True if there may be free tracks now."""
    waited = False
    with Workspace() as workspace:
        while not stop_requested():
            others = workspace.track_shards.others()
            if others != "work":
                return waited or others == "left"
            waited = True
            time.sleep(_POLL_S)
    return False


def _reports(client: SyncPrefectClient, runs: list[FlowRun]) -> list[ShardsDone]:
    """What the helpers did. Those that no worker has started are ended."""
    ids, deadline = [run.id for run in runs], time.monotonic() + _ENDING_S
    while ids and time.monotonic() < deadline and not stop_requested():
        found = if_possible(lambda: find_runs(client, ids=ids)) or []
        for run in found:
            if run.state is not None and run.state.is_scheduled():
                if_possible(lambda: take_over(client, run, "the parent run did all shards"))  # noqa: B023
        if all(run.state is not None and (run.state.is_final() or has_died(run)) for run in found):
            break
        time.sleep(_POLL_S)
    key = ArtifactFilter(key=ArtifactFilterKey(any_=[SHARDS_DONE]))
    artifacts = if_possible(
        lambda: client.read_artifacts(artifact_filter=key, flow_run_filter=run_filter(ids=ids)) if ids else []
    )
    return [ShardsDone.from_json(str(artifact.data)) for artifact in artifacts or []]

"""The Prefect tasks that the flows are made of: a shard of accounts, or one stage of labelling, each.

A task makes its own workspace, so nothing but ids and dates is passed: no secret can become a parameter. Results stay
in memory. Prefect repeats a task only for errors that call themselves retryable; short waits belong to the clients
inside.
"""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run, task_run
from prefect.tasks import exponential_backoff

from flows.progress import asking_progress, labelling_progress
from mood_core.app.import_export import match_names
from mood_core.app.workspace import Workspace
from mood_core.errors import MoodlogError
from mood_core.features.fetch_report import FetchReport
from mood_core.store.locks.leases import owner_here
from mood_core.store.queries.selection import Selection
from mood_core.text.format import plural
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.night_report import Permission, ending_permissions
from mood_core.usecases.nightly.pull_account import pull_claimed
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested

NIGHT_S = 20 * 3600.0
"""The time limit of scheduled runs, so that one that hangs never stands in the way of the next night's."""

PULL_S = 6 * 3600.0
"""The time limit of short scheduled runs."""


def is_retryable(_task: Any, _run: Any, state: Any) -> bool:
    """Whether the error that ended a task says that trying again may help. Any other error is a defect."""
    return isinstance(state.data, MoodlogError) and state.data.retryable


RETRYING: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_retryable,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""How every task is repeated: three times, after 10, 20 and 40 seconds and up to half as long again."""


@task(name="finish what was left", **RETRYING)
def finish_batches() -> tuple[int, list[str]]:
    """Load the batches that an earlier run published but did not live to load; returns how many, and what is wrong."""
    with Workspace() as workspace:
        batches = workspace.batches
        finished = batches.finish(now=workspace.now())
        return finished, batches.problems


@task(name="pull listens", task_run_name="pull {label}", **RETRYING)
def pull_shard(user_ids: list[str], label: str, *, dry_run: bool = False) -> list[PullOutcome]:  # noqa: ARG001 - shown
    """Pull the recent listens of the accounts of one shard, one after the other.

    The leases belong to the flow run, so that a retry does not wait for those of the attempt before.
    """
    run_id = flow_run.id
    with Workspace() as workspace:
        if (task_run.run_count or 0) > 1 and not dry_run:
            # What the attempt before published and could not load would be pulled and published once more.
            workspace.batches.finish(now=workspace.now())
        pull = workspace.pulling(dry_run=dry_run, stop=stop_requested)
        if dry_run:
            outcomes = pull(user_ids, now=workspace.now())
        else:
            owner = owner_here(run_id) if run_id else None
            outcomes = pull_claimed(user_ids, pull, workspace.accounts, workspace.now, owner=owner)
    new = sum(outcome.new for outcome in outcomes)
    get_run_logger().info("%s, %s", plural(len(outcomes), "account"), plural(new, "new listen"))
    return outcomes


@task(name="match plays by name", **RETRYING)
def match_waiting_plays() -> int:
    """Store the plays that an export named by artist and title alone and whose track is known by now."""
    with Workspace() as workspace:
        return match_names(workspace)


@task(name="fetch audio features", **RETRYING)
def fetch_missing_features(selection: Selection, *, ask_again: bool = False) -> FetchReport:
    """Fetch the features of every selected track that has none; long work shows its progress in Prefect's pages."""
    with Workspace() as workspace:
        report = workspace.fetch_features(selection, ask_again=ask_again, progress=asking_progress())
    get_run_logger().info("features found: %s", dict(report.found) or "none new")
    return report


@task(name="label moods", **RETRYING)
def label_selected(selection: Selection) -> LabelReport:
    """Label every selected track that has features and no label by the current model; long work shows its progress."""
    with Workspace() as workspace:
        report = workspace.label(selection, progress=labelling_progress())
    get_run_logger().info("%s labelled by %s", plural(report.labelled, "track"), report.model_version)
    return report


@task(name="try refused permissions", **RETRYING)
def try_refused_permissions() -> list[str]:
    """Try the permissions again that Spotify refused and whose time has come; returns the accounts active again."""
    with Workspace() as workspace:
        return workspace.try_refused_permissions()


@task(name="look at permissions", **RETRYING)
def permissions_ending() -> list[Permission]:
    """The permissions that a person must renew."""
    with Workspace() as workspace:
        return ending_permissions(workspace.accounts.all(), workspace.days_left)

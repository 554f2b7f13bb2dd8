"""The Prefect tasks of the flows: each does a shard of accounts or one stage of the work.

A task opens its own workspace and takes only ids and dates, so that no secret becomes a parameter. Clients inside do
the short retries.
"""

from __future__ import annotations

from prefect import get_run_logger, task
from prefect.runtime import flow_run, task_run

from flows.alerting.events import report_silences
from flows.options import RETRYING
from flows.progress import feature_progress, labelling_progress
from mood_core.app.import_export import match_names
from mood_core.app.workspace import Workspace
from mood_core.features.fetch_report import FetchReport
from mood_core.resolvers.chain import ResolveReport
from mood_core.store.locks.leases import owner_here
from mood_core.store.queries.selection import Selection
from mood_core.text.format import plural
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.night_report import NightReport, Permission, ending_permissions, may_end_before
from mood_core.usecases.nightly.pull_account import pull_leased
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested


@task(name="load unloaded batches", **RETRYING)
def finish_batches() -> tuple[int, list[str]]:
    """Load the batches that an earlier run published but did not load; returns their number, and the problems."""
    with Workspace() as workspace:
        batches = workspace.batches
        finished = batches.finish(now=workspace.now())
        return finished, batches.problems


@task(name="pull listens", task_run_name="pull {label}", **RETRYING)
def pull_shard(user_ids: list[str], label: str, *, dry_run: bool = False) -> list[PullOutcome]:  # noqa: ARG001 - shown
    """Pull the recent listens of the accounts of one shard, one after the other.

    The flow run owns the leases, so that a retry does not wait for those of the attempt before.
    """
    run_id = flow_run.id
    with Workspace() as workspace:
        if (task_run.run_count or 0) > 1 and not dry_run:
            # Batches that the last attempt published and did not load would be pulled and published again.
            workspace.batches.finish(now=workspace.now())
        pull = workspace.pulling(dry_run=dry_run, stop=stop_requested)
        if dry_run:
            outcomes = pull(user_ids, now=workspace.now())
        else:
            owner = owner_here(run_id) if run_id else None
            outcomes = pull_leased(user_ids, pull, workspace.accounts, workspace.now, owner=owner)
    new = sum(outcome.new for outcome in outcomes)
    get_run_logger().info("%s, %s", plural(len(outcomes), "account"), plural(new, "new listen"))
    return outcomes


def fetch_and_label(report: NightReport, selection: Selection, *, ask_again: bool = False, label: bool = True) -> None:
    """Match plays by name, find tracks by name, fetch the features of ``selection`` and label it; fills ``report``.

    ``ask_again`` repeats failed searches. Without ``label``, a later run labels. After a request to stop, no further
    stage starts.
    """
    if stop_requested():
        return
    match_pending_plays()
    if not stop_requested():
        report.names = find_tracks_by_name()
        if report.names.found:
            match_pending_plays()
    report.features = fetch_missing_features(selection, ask_again=ask_again)
    if label and not stop_requested():
        report.labels = label_selected(selection)


@task(name="match plays by name", **RETRYING)
def match_pending_plays() -> int:
    """Store the imported plays that had only an artist and a title, and whose track is known now."""
    with Workspace() as workspace:
        return match_names(workspace)


@task(name="find tracks by name", **RETRYING)
def find_tracks_by_name() -> ResolveReport:
    """Ask the resolvers for tracks that are known by name only."""
    with Workspace() as workspace:
        report = workspace.resolve_names(stop=stop_requested)
    get_run_logger().info("names found: %s of %s", dict(report.found) or "none", dict(report.asked) or "none")
    return report


@task(name="fetch audio features", **RETRYING)
def fetch_missing_features(selection: Selection, *, ask_again: bool = False) -> FetchReport:
    """Fetch the features of every selected track that has none, with progress in Prefect's UI."""
    with Workspace() as workspace:
        report = workspace.fetch_features(selection, ask_again=ask_again, progress=feature_progress())
    get_run_logger().info("features found: %s", dict(report.found) or "none new")
    return report


@task(name="label moods", **RETRYING)
def label_selected(selection: Selection) -> LabelReport:
    """Label every selected track that has features and no label of the current model, with progress."""
    with Workspace() as workspace:
        report = workspace.label(selection, progress=labelling_progress())
    get_run_logger().info("%s labelled by %s", plural(report.labelled, "track"), report.model_version)
    return report


@task(name="retry refused permissions", **RETRYING)
def retry_refused_permissions() -> list[str]:
    """Retry the permissions that Spotify refused and whose retry is due; returns the accounts that work again."""
    with Workspace() as workspace:
        return workspace.try_refused_permissions()


@task(name="find ending permissions", **RETRYING)
def find_ending_permissions() -> list[Permission]:
    """The permissions that a person must renew."""
    with Workspace() as workspace:
        return ending_permissions(workspace.accounts.to_renew(may_end_before(workspace.now())), workspace.days_left)


@task(name="find silent accounts", **RETRYING)
def find_silent_accounts() -> None:
    """Send an event for each silent account: see ``usecases/nightly/find_silent_accounts.py``."""
    with Workspace() as workspace:
        found = workspace.find_silent()
    for silence in found:
        get_run_logger().warning("account %s is silent (%s) since %s", silence.user_id, silence.kind, silence.since)
    report_silences(found)

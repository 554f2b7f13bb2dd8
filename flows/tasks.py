"""The Prefect tasks of the flows: each does a shard of accounts or one stage of the work.

A task opens its own workspace and takes only ids and dates, so that no secret becomes a parameter. Clients inside do
the short retries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from prefect import get_run_logger, task
from prefect.runtime import flow_run, task_run
from pydantic import TypeAdapter

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
from mood_core.usecases.nightly.ending_permissions import Permission, ending_permissions, may_end_before
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.night_report import NightReport
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
    find_names(report)
    fetch_and_label_selected(report, selection, ask_again=ask_again, label=label)


def find_names(report: NightReport) -> None:
    """Match plays by name and find tracks by name; fills ``report``."""
    match_pending_plays()
    if not stop_requested():
        report.names = find_tracks_by_name()
        if report.names.found:
            match_pending_plays()


def fetch_and_label_selected(report: NightReport, selection: Selection, *, ask_again: bool, label: bool) -> None:
    """Fetch the features of ``selection`` and label it in this process; fills ``report``."""
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
def fetch_missing_features(
    selection: Selection, *, ask_again: bool = False, stopped_in_shards: list[str] | None = None
) -> FetchReport:
    """Fetch the features of every selected track that has none, with progress in Prefect's UI.

    After shards of tracks, ``stopped_in_shards`` are the services that stopped in them.
    """
    with Workspace() as workspace:
        report = workspace.fetch_features(
            selection, ask_again=ask_again, stopped_in_shards=stopped_in_shards, progress=feature_progress()
        )
    get_run_logger().info("features found: %s", dict(report.found) or "none new")
    return report


@dataclass(slots=True)
class ShardsDone:
    """What a run has done in shards of tracks; ``labels`` is None without a labelled shard."""

    features: FetchReport = field(default_factory=FetchReport)
    labels: LabelReport | None = None

    def add(self, other: ShardsDone) -> None:
        """Add what another run, or a later part of this one, has done."""
        self.features.add(other.features)
        if self.labels is None:
            self.labels = other.labels
        elif other.labels is not None:
            self.labels.add(other.labels)

    def as_json(self) -> dict[str, Any]:
        """JSON values, without the beginnings of quarantined responses."""
        quarantined = [replace(one, excerpt="") for one in self.features.quarantined]
        features = _FETCHED.dump_python(replace(self.features, quarantined=quarantined), mode="json")
        return {"features": features, "labels": None if self.labels is None else self.labels.counts()}

    @classmethod
    def from_json(cls, text: str) -> ShardsDone:
        """The value of a table with one row of :meth:`as_json`."""
        row = json.loads(text)[0]
        labels = row["labels"]
        return cls(_FETCHED.validate_python(row["features"]), None if labels is None else LabelReport(**labels))


_FETCHED = TypeAdapter(FetchReport)


def work_on_shards(*, ask_again: bool, label: bool) -> ShardsDone:
    """Fetch the features of shards of tracks and label them, until no shard is left. A stopped service stays stopped.

    Other runs can do the same at the same time: see ``usecases/nightly/track_shards.py``.
    """
    done, skip = ShardsDone(), set[str]()
    while not stop_requested() and (fetched := fetch_shard(sorted(skip), ask_again=ask_again)) is not None:
        done.features.add(fetched)
        skip.update(stop.service for stop in fetched.stopped)
    while label and not stop_requested() and (labels := label_shard()) is not None:
        done.add(ShardsDone(labels=labels))
    return done


@task(name="find shards of tracks", **RETRYING)
def start_shards(*, ask_again: bool = False) -> int:
    """Find the tracks that wait for features or a label; returns the number of shards, at most that of the settings."""
    with Workspace() as workspace:
        most = workspace.settings.shards
        return workspace.track_shards.start_round(workspace.feature_sources(), most, ask_again=ask_again)


@task(name="fetch audio features of a shard", **RETRYING)
def fetch_shard(skip: list[str], *, ask_again: bool = False) -> FetchReport | None:
    """Fetch the features of the next shard of tracks, without the services ``skip``; None if no shard is left."""
    with Workspace() as workspace:
        report = workspace.fetch_shard(skip=skip, ask_again=ask_again)
    if report is not None:
        get_run_logger().info("features found: %s", dict(report.found) or "none new")
    return report


@task(name="label a shard", **RETRYING)
def label_shard() -> LabelReport | None:
    """Label the next shard of tracks; None if no shard is left."""
    with Workspace() as workspace:
        report = workspace.track_shards.label(workspace.classifier, workspace.model_card)
    if report is not None:
        get_run_logger().info("%s labelled by %s", plural(report.labelled, "track"), report.model_version)
    return report


@task(name="label moods", **RETRYING)
def label_selected(selection: Selection, in_shards: LabelReport | None = None) -> LabelReport:
    """Label every selected track that has features and no label of the current model, with progress.

    The report includes the labels that were made ``in_shards``.
    """
    with Workspace() as workspace:
        report = workspace.label(selection, in_shards=in_shards, progress=labelling_progress())
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

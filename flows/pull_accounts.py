"""Pulls the accounts of one shard, for a run that shares its work with other workers."""

from __future__ import annotations

from dataclasses import asdict

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State

from flows.parameters import Label, SomePeople
from flows.server.retries import with_retries
from flows.serving.dead_runs import begin_run
from flows.summary import state_of
from flows.tasks import PULL_S, pull_shard
from mood_core.usecases.nightly.night_report import NightReport

OUTCOMES = "moodlog-shard"
"""The artifact that takes every account's outcome to the run that shared the work."""


@flow(
    name="pull-accounts",
    flow_run_name="pull {label}",
    log_prints=False,
    persist_result=False,
    timeout_seconds=PULL_S,
)
def pull_accounts(user_ids: SomePeople, label: Label = "a shard", dry_run: bool = False) -> State[NightReport]:
    """Pull the recent listens of some accounts; `share` of the nightly run and the pull makes such runs.

    Args:
        user_ids: The ids of the accounts.
        label: What the run is called.
        dry_run: Ask Spotify, but write nothing.
    """
    begin_run()
    report = NightReport(pull_shard(list(user_ids), label, dry_run=dry_run), dry_run=dry_run)
    table = [asdict(outcome) for outcome in report.outcomes]
    with_retries(lambda: create_table_artifact(key=OUTCOMES, table=table, description=label))
    return state_of(report)

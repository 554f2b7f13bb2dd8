"""Pulls the accounts of one shard, for a run that shares its accounts among workers."""

from __future__ import annotations

from dataclasses import asdict

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State

from flows.late_forgetting import without_names_of_forgotten
from flows.options import PRIVATE, PULL_S
from flows.parameters import Label, SomePeople
from flows.server.retries import with_retries
from flows.serving.dead_runs import begin_run
from flows.summary import state_of
from flows.tasks import pull_shard
from mood_core.usecases.nightly.night_report import NightReport

OUTCOMES = "moodlog-shard"
"""The key of the artifact with every account's outcome, which the parent run reads."""


@flow(name="pull-accounts", flow_run_name="pull {label}", timeout_seconds=PULL_S, **PRIVATE)
def pull_accounts(user_ids: SomePeople, label: Label = "a shard", dry_run: bool = False) -> State[NightReport]:
    """Pull the recent listens of some accounts; run-nightly and sync-listens start such runs with `share`.

    Args:
        user_ids: The ids of the accounts.
        label: The name of the run.
        dry_run: Request new listens from Spotify, but write nothing.
    """
    begin_run()
    with without_names_of_forgotten(user_ids):
        report = NightReport(pull_shard(list(user_ids), label, dry_run=dry_run), dry_run=dry_run)
        table = [asdict(outcome) for outcome in report.outcomes]
        with_retries(lambda: create_table_artifact(key=OUTCOMES, table=table, description=label))
        return state_of(report)

"""Pulls people's recent listens."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import wait

from flows.late_forgetting import without_names_of_forgotten
from flows.options import PULL_S, SCHEDULED
from flows.parameters import People
from flows.run_names import run_name
from flows.serving.dead_runs import begin_run
from flows.serving.replacement_runs import replace_failed_nightly_run
from flows.sharing.account_selection import choose_accounts, unpulled
from flows.sharing.shards import split
from flows.sharing.share import pull_shared
from flows.summary import conclude
from flows.tasks import find_ending_permissions, finish_batches, pull_shard, retry_refused_permissions
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested


@flow(name="sync-listens", flow_run_name=run_name("pull listens"), timeout_seconds=PULL_S, **SCHEDULED)
def sync_listens(
    people: People = (), dry_run: bool = False, due_only: bool = False, share: bool = False
) -> State[NightReport]:
    """Pull the recent listens of all people, or of some, into the lake and SQL.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        dry_run: Request new listens from Spotify, but write nothing.
        due_only: Pull only accounts that are due by how fast they fill their window; see `moodlog status`.
        share: Share the accounts among all workers, with one run for each shard, instead of pulling them all here.
    """
    begin_run()
    if due_only:
        replace_failed_nightly_run()
    with without_names_of_forgotten():
        report = NightReport(dry_run=dry_run)
        report.finished, report.lake_problems = (0, []) if dry_run else finish_batches()
        report.outcomes = pull_all(people, dry_run=dry_run, due_only=due_only, share=share)
        report.permissions = find_ending_permissions()
        return conclude(report)


def pull_all(people: Sequence[str], *, dry_run: bool, due_only: bool = False, share: bool = False) -> list[PullOutcome]:
    """Pull all active accounts, or those of ``people``; with ``due_only`` those that are due.

    Each shard of accounts is a task of this run or, with ``share``, a flow run on any worker. Every chosen account has
    an outcome: one with a problem if it was not pulled.

    Raises:
        InputError: One of ``people`` is not a connected account.
    """
    if not dry_run:
        retry_refused_permissions()
    chosen = choose_accounts(people, due_only=due_only)
    shards = split(chosen.user_ids, chosen.shards)
    outcomes = pull_shared(shards, dry_run=dry_run) if share else _pull_here(shards, dry_run=dry_run)
    missing = set(chosen.user_ids) - {outcome.user_id for outcome in outcomes}
    if missing and not dry_run and not stop_requested():
        outcomes += unpulled(missing, chosen.at)
    return sorted(outcomes, key=lambda outcome: outcome.user_id)


def _pull_here(shards: list[list[str]], *, dry_run: bool) -> list[PullOutcome]:
    futures = [
        pull_shard.submit(part, f"shard {number} of {len(shards)}", dry_run=dry_run)
        for number, part in enumerate(shards, start=1)
    ]
    wait(futures)
    return [outcome for future in futures for outcome in future.result()]

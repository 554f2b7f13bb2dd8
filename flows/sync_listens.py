"""Pulls people's recent listens."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import wait

from flows.parameters import People
from flows.run_names import named
from flows.serving.dead_runs import begin_run
from flows.serving.replacement_runs import replace_failed_nightly_run
from flows.sharing.choosing import choose_accounts, unpulled
from flows.sharing.shards import split
from flows.sharing.share import pull_shared
from flows.summary import conclude
from flows.tasks import PULL_S, finish_batches, permissions_ending, pull_shard, try_refused_permissions
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.stop_request import stop_requested


@flow(
    name="sync-listens",
    flow_run_name=named("pull listens"),
    log_prints=False,
    persist_result=False,
    timeout_seconds=PULL_S,
)
def sync_listens(
    people: People = (),
    dry_run: bool = False,
    due_only: bool = False,
    share: bool = False,
) -> State[NightReport]:
    """Pull the recent listens of everybody, or of some people, into the lake and SQL.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        dry_run: Ask Spotify, but write nothing.
        due_only: Pull only who is due by how fast they fill their window; `moodlog status` shows when that is.
        share: Share the accounts among all workers, a run for each shard, instead of pulling them all here.
    """
    begin_run()
    if due_only:
        replace_failed_nightly_run()
    report = NightReport(dry_run=dry_run)
    report.finished, report.lake_problems = (0, []) if dry_run else finish_batches()
    report.outcomes = pull_all(people, dry_run=dry_run, due_only=due_only, share=share)
    report.permissions = permissions_ending()
    return conclude(report)


def pull_all(people: Sequence[str], *, dry_run: bool, due_only: bool = False, share: bool = False) -> list[PullOutcome]:
    """Pull all active accounts, or those of ``people``; with ``due_only`` those that are due.

    A shard of accounts is a task here or, to ``share`` the work, a flow run on any worker. An account that was to be
    pulled and was not has an outcome with a problem, whatever went wrong.

    Raises:
        InputError: One of ``people`` is not a connected account.
    """
    if not dry_run:
        try_refused_permissions()
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

"""The nightly run: pulls listens, fetches features, labels moods and reports."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.late_forgetting import without_names_of_forgotten
from flows.options import NIGHT_S, SCHEDULED
from flows.parameters import Day, People
from flows.run_names import run_name
from flows.selection import selection_of
from flows.serving.dead_runs import begin_run
from flows.sharing.track_sharing import fetch_and_label_shared
from flows.summary import conclude
from flows.sync_listens import pull_all
from flows.tasks import fetch_and_label, find_ending_permissions, find_silent_accounts, finish_batches
from mood_core.usecases.nightly.night_report import NightReport


@flow(name="run-nightly", flow_run_name=run_name("nightly run"), timeout_seconds=NIGHT_S, **SCHEDULED)
def run_nightly(
    people: People = (), first_day: Day = None, last_day: Day = None, dry_run: bool = False, share: bool = False
) -> State[NightReport]:
    """Pull recent listens, fetch the features of new tracks, label them, and create a summary.

    One flow run with a few tasks: a subflow for each stage would take 1 s more each and show no more.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        first_day: Label only tracks heard on this local day or later, for example 2026-11-01.
        last_day: Label only tracks heard on this local day or earlier.
        dry_run: Request new listens from Spotify, but write nothing.
        share: Share the accounts, features and labels among all workers, in runs of their own, instead of all here.
    """
    selection = selection_of(people, first_day, last_day)  # invalid parameters fail before any work
    begin_run()
    with without_names_of_forgotten():
        report = NightReport(dry_run=dry_run)
        report.finished, report.lake_problems = (0, []) if dry_run else finish_batches()
        report.outcomes = pull_all(people, dry_run=dry_run, share=share)
        report.permissions = find_ending_permissions()
        if not dry_run:
            if share and selection.is_everything:
                fetch_and_label_shared(report)
            else:
                fetch_and_label(report, selection)
            find_silent_accounts()
        return conclude(report)

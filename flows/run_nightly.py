"""The nightly run: pull listens, fetch features, label moods, and say what happened."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.alerting.silence import look_for_silence
from flows.labelling import fetch_and_label
from flows.parameters import Day, People
from flows.run_names import named
from flows.selecting import selection_of
from flows.serving.dead_runs import begin_run
from flows.summary import conclude
from flows.sync_listens import pull_all
from flows.tasks import NIGHT_S, finish_batches, permissions_ending
from mood_core.usecases.nightly.night_report import NightReport


@flow(
    name="run-nightly",
    flow_run_name=named("nightly run"),
    log_prints=False,
    persist_result=False,
    timeout_seconds=NIGHT_S,
)
def run_nightly(
    people: People = (),
    first_day: Day = None,
    last_day: Day = None,
    dry_run: bool = False,
    share: bool = False,
) -> State[NightReport]:
    """Pull recent listens, fetch the features of new tracks, label them, and leave a summary.

    One flow run with a handful of tasks: a subflow for each stage would cost a second each and show no more.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        first_day: Label only tracks heard on this local day or later, for example 2026-11-01.
        last_day: Label only tracks heard on this local day or earlier.
        dry_run: Ask Spotify for new listens, but write nothing.
        share: Share the accounts among all workers, a run for each shard, instead of pulling them all here.
    """
    selection = selection_of(people, first_day, last_day)  # what is wrong with it is said before anything is done
    begin_run()
    report = NightReport(dry_run=dry_run)
    report.finished, report.lake_problems = (0, []) if dry_run else finish_batches()
    report.outcomes = pull_all(people, dry_run=dry_run, share=share)
    report.permissions = permissions_ending()
    if not dry_run:
        fetch_and_label(report, selection)
        look_for_silence()
    return conclude(report)

"""The nightly run: pull listens, fetch features, label moods, and say what happened."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.summary import conclude
from flows.sync_listens import pull_all
from flows.tasks import fetch_missing_features, finish_batches, label_selected, selection_of
from mood_core.pipeline.night_report import NightReport


@flow(name="run-nightly", flow_run_name="nightly run", log_prints=False, persist_result=False)
def run_nightly(
    people: Annotated[
        list[str] | None, Field(description="Ids or names of accounts; empty for all", examples=[["ada", "grace"]])
    ] = None,
    first_day: Annotated[date | None, Field(description="Label only tracks heard on this local day or later")] = None,
    last_day: Annotated[date | None, Field(description="Label only tracks heard on this local day or earlier")] = None,
    dry_run: Annotated[bool, Field(description="Ask Spotify for new listens, but write nothing")] = False,
) -> State[NightReport]:
    """Pull recent listens, fetch the features of new tracks, label them, and leave a summary.

    One flow run with a handful of tasks: a subflow for each stage would cost a second each and show no more.
    """
    report = NightReport(dry_run=dry_run)
    report.finished = 0 if dry_run else finish_batches()
    report.outcomes = pull_all(people, dry_run=dry_run)
    if not dry_run:
        selection = selection_of(people or None, first_day, last_day)
        report.features = fetch_missing_features(selection)
        report.labels = label_selected(selection)
    return conclude(report)

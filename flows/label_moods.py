"""Fetches audio features and labels the moods of stored tracks."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.options import NIGHT_S, PRIVATE
from flows.parameters import Day, People
from flows.run_names import run_name
from flows.selection import selection_of
from flows.sharing.track_sharing import fetch_and_label_shared
from flows.summary import conclude
from flows.tasks import fetch_and_label, finish_batches
from mood_core.usecases.nightly.night_report import NightReport


@flow(name="label-moods", flow_run_name=run_name("label moods"), timeout_seconds=NIGHT_S, **PRIVATE)
def label_moods(
    people: People = (),
    first_day: Day = None,
    last_day: Day = None,
    ask_again: bool = False,
    label: bool = True,
    share: bool = False,
) -> State[NightReport]:
    """Fetch the features of tracks that have none, and label every track that has features.

    Args:
        people: Ids or names of accounts, for example ["ada", "grace"]; empty for all.
        first_day: Only tracks heard on this local day or later, for example 2026-11-01.
        last_day: Only tracks heard on this local day or earlier.
        ask_again: Repeat failed searches now, instead of when their retry is due; for example after adding a catalogue.
        label: Label the tracks that have features.
        share: Share the tracks among all workers, in runs of their own; not with people or days.
    """
    selection = selection_of(people, first_day, last_day)
    finished, problems = finish_batches()
    report = NightReport(finished=finished, lake_problems=problems)
    if share and selection.is_everything:
        fetch_and_label_shared(report, ask_again=ask_again, label=label)
    else:
        fetch_and_label(report, selection, ask_again=ask_again, label=label)
    return conclude(report)

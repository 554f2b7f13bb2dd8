"""What every flow that labels does once the listens are there."""

from __future__ import annotations

from flows.tasks import fetch_missing_features, label_selected, match_waiting_plays
from mood_core.store.queries.selection import Selection
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.stop_request import stop_requested


def fetch_and_label(report: NightReport, selection: Selection, *, ask_again: bool = False, label: bool = True) -> None:
    """Match plays by name, fetch the features of ``selection``, label it, and tell ``report``.

    Begins no further stage once the process was asked to stop.

    Args:
        report: what the run says of itself.
        selection: whose listens on which days.
        ask_again: ask now what a source did not know before.
        label: False leaves the labelling to a later run.
    """
    if stop_requested():
        return
    match_waiting_plays()
    report.features = fetch_missing_features(selection, ask_again=ask_again)
    if label and not stop_requested():
        report.labels = label_selected(selection)

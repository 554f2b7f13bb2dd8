"""The weekly train check: would a model trained today be better? It only tells; promoting is a person's decision."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import NIGHT_S, RETRYING
from flows.parameters import Folds, LabelledFile, Repeats, Seed
from flows.progress import ProgressArtifact
from flows.report_text import drift_sentence
from flows.server.retries import if_possible
from mood_core.app.workspace import Workspace
from mood_core.classifier.drift import DriftReport
from mood_core.usecases.models.check_training import TrainingCheck


@flow(
    name="check-training", flow_run_name="train check", log_prints=False, persist_result=False, timeout_seconds=NIGHT_S
)
def check_training(
    data: LabelledFile = "", folds: Folds = 10, repeats: Repeats = 1, seed: Seed = 0
) -> State[TrainingCheck | None]:
    """Compare the current model with one trained on today's labelled tracks; nothing is written or promoted.

    Args:
        data: The labelled tracks, .csv or .parquet, on the machine that runs this; HOME/labelled.csv by default.
        folds: Folds of the cross-validation, 2 or more.
        repeats: How often it is repeated.
        seed: Decides the folds and the training.
    """
    drift = look_at_new_music()
    with Workspace() as workspace:
        file = Path(data) if data else workspace.settings.labelled
    if not data and not file.exists():
        return _conclude(f"There are no labelled tracks in {file}; `moodlog dataset build` makes them.", drift, None)
    found = compare_with_retrained(file, folds=folds, repeats=repeats, seed=seed)
    return _conclude(found.sentence(), drift, found)


@task(name="look at new music", **RETRYING)
def look_at_new_music() -> DriftReport:
    """How far the newest tracks' features are from the training data."""
    with Workspace() as workspace:
        return workspace.measure_drift()


@task(name="compare with a retrained model", **RETRYING)
def compare_with_retrained(data: Path, *, folds: int, repeats: int, seed: int) -> TrainingCheck:
    """Compare the current model with the recipe, cross-validated on ``data``."""
    progress = ProgressArtifact("moodlog-training", "Cross-validation").share
    with Workspace() as workspace:
        return workspace.check_training(data, folds=folds, repeats=repeats, seed=seed, progress=progress)


def _conclude(sentence: str, drift: DriftReport, found: TrainingCheck | None) -> State[TrainingCheck | None]:
    lines = ["# Train check", "", sentence, "", drift_sentence(drift)]
    if found is not None and found.worthwhile:
        lines += ["", "To go on: `moodlog train --data FILE --out models`, then `moodlog promote models/NAME/VERSION`."]
    text = "\n".join(lines)
    if_possible(lambda: create_markdown_artifact(key="moodlog-train-check", markdown=text, description=sentence))
    return Completed(message=sentence, data=found)

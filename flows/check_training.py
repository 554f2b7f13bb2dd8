"""The weekly train check: compares the current model with a retrained one. It promotes nothing."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import NIGHT_S, PRIVATE, RETRYING
from flows.parameters import Folds, LabelledFile, Repeats, Seed
from flows.progress import ProgressArtifact
from flows.report_text import drift_sentence
from flows.server.retries import if_possible
from mood_core.app.workspace import Workspace
from mood_core.classifier.drift import DriftReport
from mood_core.usecases.models.check_training import TrainingCheck


@flow(name="check-training", flow_run_name="train check", timeout_seconds=NIGHT_S, **PRIVATE)
def check_training(
    data: LabelledFile = "", folds: Folds = 10, repeats: Repeats = 1, seed: Seed = 0
) -> State[TrainingCheck | None]:
    """Compare the current model with one trained on today's labelled tracks. Nothing is saved or promoted.

    Args:
        data: The labelled tracks, .csv or .parquet, on the machine that runs this; HOME/labelled.csv by default.
        folds: The number of cross-validation folds, 2 or more.
        repeats: How often the cross-validation is repeated.
        seed: The seed of the folds and the training.
    """
    drift = compare_new_music()
    with Workspace() as workspace:
        file = Path(data) if data else workspace.settings.labelled
    if not data and not file.exists():
        return _conclude(f"{file} does not exist; `moodlog dataset build` creates it from playlists.", drift, None)
    found = compare_with_retrained(file, folds=folds, repeats=repeats, seed=seed)
    return _conclude(found.sentence(), drift, found)


@task(name="compare new music", **RETRYING)
def compare_new_music() -> DriftReport:
    """The difference between the features of the newest tracks and the training data."""
    with Workspace() as workspace:
        return workspace.measure_drift()


@task(name="compare with a retrained model", **RETRYING)
def compare_with_retrained(data: Path, *, folds: int, repeats: int, seed: int) -> TrainingCheck:
    """Compare the current model with a retrained one by cross-validation on ``data``."""
    progress = ProgressArtifact("moodlog-training", "Cross-validation").share
    with Workspace() as workspace:
        return workspace.check_training(data, folds=folds, repeats=repeats, seed=seed, progress=progress)


def _conclude(sentence: str, drift: DriftReport, found: TrainingCheck | None) -> State[TrainingCheck | None]:
    lines = ["# Train check", "", sentence, "", drift_sentence(drift)]
    if found is not None and found.worthwhile:
        lines += ["", "Next: `moodlog train --data FILE --out models`, then `moodlog promote models/NAME/VERSION`."]
    text = "\n".join(lines)
    if_possible(lambda: create_markdown_artifact(key="moodlog-train-check", markdown=text, description=sentence))
    return Completed(message=sentence, data=found)

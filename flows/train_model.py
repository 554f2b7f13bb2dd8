"""Trains a mood model. It does not become the current model."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.options import PRIVATE
from flows.parameters import Folds, LabelledFile, ModelName, ModelVersion, OutputFolder, Repeats, Seed
from flows.progress import ProgressArtifact
from flows.server.retries import if_possible
from mood_core.settings import load_settings


@flow(name="train-model", flow_run_name="train {name}", **PRIVATE)
def train_model(
    data: LabelledFile = "",
    out: OutputFolder = "",
    name: ModelName = "my-moods",
    model_version: ModelVersion = "",
    seed: Seed = 0,
    folds: Folds = 10,
    repeats: Repeats = 5,
    baselines: bool = True,
) -> State[str]:
    """Train a mood model on labelled tracks and evaluate it by cross-validation; `moodlog promote` makes it current.

    Args:
        data: The labelled tracks, .csv or .parquet, on the machine that runs this; HOME/labelled.csv by default.
        out: The folder in which NAME/VERSION is created; HOME/trained by default.
        name: The name of the model.
        model_version: The version of the model, for example 2; the next whole number by default.
        seed: The seed of the folds; the weights depend only on the data.
        folds: The number of cross-validation folds, 2 or more.
        repeats: How often the cross-validation is repeated.
        baselines: Evaluate simpler models as well.
    """
    from mood_core.classifier.model_card import read_card
    from mood_core.classifier.training import require_training, train_model

    require_training()
    settings = load_settings()
    folder = train_model(
        Path(data) if data else settings.labelled,
        Path(out) if out else settings.trained,
        seed=seed,
        name=name,
        version=model_version or None,
        folds=folds,
        repeats=repeats,
        baselines=baselines,
        on_notes=lambda notes: get_run_logger().info("%s", "; ".join(notes)) if notes else None,
        progress=ProgressArtifact("moodlog-training", "Training").share,
    )
    card = read_card(folder)
    text = (folder / "model_card.md").read_text(encoding="utf-8")
    description = f"{card.model_version} in {folder}"
    if_possible(lambda: create_markdown_artifact(key="moodlog-model-card", markdown=text, description=description))
    message = f"{card.model_version} in {folder}, accuracy {card.metrics['accuracy']:.1%}"
    return Completed(message=f"{message}; moodlog promote {folder} compares it with the current one", data=str(folder))

"""``moodlog train``: train a mood model on labelled tracks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mood_core.cli import options
from mood_core.cli.messages import echo_notes
from mood_core.cli.progress import share_progress
from mood_core.text.sanitise import plain

_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece", "wrong_and_confident", "recall")


@click.command("train")
@options.labelled_data
@options.mood_words
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for models; NAME/VERSION is created in it.",
)
@click.option("--seed", default=0, help="Random seed of the folds; it does not change the weights.")
@click.option("--name", default="my-moods", help="The model's name.")
@click.option("--model-version", help="The model's version  [default: the next whole number]")
@click.option(
    "--estimated",
    is_flag=True,
    help="Train for features estimated from audio: on features with simulated errors; NAME starts with estimated-.",
)
@click.option("--description", help="Description of the data, for the model card.")
@options.folds
@options.repeats
@options.baselines
@options.as_json
def command(
    data: Path,
    words: tuple[str, ...],
    out: Path,
    seed: int,
    name: str,
    model_version: str | None,
    description: str | None,
    folds: int,
    repeats: int,
    *,
    estimated: bool,
    baselines: bool,
    as_json: bool,
) -> None:
    """Train a mood model on labelled tracks, measure it by cross-validation, and write it to a folder.

    If a column `source` names several curators, each counts the same, and the model is measured by leaving one out.

    The folder contains model.keras (the model), model.tflite (a fast version of it), golden.json (outputs that are
    checked at each load), model_card.json and .md, and plots. Needs the extra moodlog[train].

    \b
    Examples:
      moodlog train --data moods.csv --out models
      moodlog train --data others.csv --mood chill=Calm --mood party=Energetic --out models
      moodlog train --data moods.csv --out models --estimated --name estimated-my-moods
      MOODLOG_MODEL=models/my-moods/1 moodlog predict 4HIwL9ii9CcXpTOTzMq0MP
    """
    from mood_core.classifier.model_card import read_card
    from mood_core.classifier.training import parse_mood_words, require_training, train_model

    require_training()
    with share_progress(transient=False) as progress:
        folder = train_model(
            data,
            out,
            seed=seed,
            name=name,
            version=model_version,
            description=description,
            folds=folds,
            repeats=repeats,
            baselines=baselines,
            words=parse_mood_words(words),
            estimated=estimated,
            on_notes=echo_notes,
            progress=progress,
        )
    card = read_card(folder)
    metrics = {key: card.metrics[key] for key in _METRICS}
    if as_json:
        facts = {"model_version": card.model_version, "folder": str(folder), "weights_sha256": card.weights_sha256}
        click.echo(json.dumps({**facts, "threshold": card.threshold, **metrics}))
        return
    click.echo(f"{card.model_version} in {plain(str(folder))}")
    error = card.metrics["standard_errors"]["accuracy"]
    is_set = card.set_thresholds is not None
    uncertain = "a set of more than one mood is uncertain" if is_set else f"uncertain below {card.threshold:.2f}"
    on = "on a curator never seen" if card.protocol.get("group_by") == "source" else "inside this file"
    click.echo(
        f"{on}: accuracy {metrics['accuracy']:.1%} ± {error:.1%}, balanced {metrics['balanced_accuracy']:.1%}, "
        f"log loss {metrics['log_loss']:.3f}, calibration error {metrics['ece']:.3f}; {uncertain}"
    )

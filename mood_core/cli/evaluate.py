"""``moodlog evaluate``: how good the recipe, or a saved model, is on labelled tracks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mood_core.cli.notes import tell_notes
from mood_core.cli.training_progress import training_progress

if TYPE_CHECKING:
    from mood_core.classifier.training import Evaluation


@click.command("evaluate")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV or Parquet file of labelled tracks (column mood or label).",
)
@click.option(
    "--mood",
    "words",
    multiple=True,
    metavar="WORD=MOOD",
    help="Map a word in the mood column to a mood; WORD= skips its tracks. Repeatable.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), default=None, help="Measure this saved model instead of the recipe."
)
@click.option("--folds", default=10, show_default=True, type=click.IntRange(2), help="Folds of the cross-validation.")
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1), help="Repeats of the cross-validation."
)
@click.option("--seed", default=0, show_default=True, help="Random seed of folds and training.")
@click.option("--group-by", type=click.Choice(["artist"]), default=None, help="Keep each artist's tracks together.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Also measure baseline models.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(
    data: Path,
    words: tuple[str, ...],
    model: Path | None,
    folds: int,
    repeats: int,
    seed: int,
    group_by: str | None,
    *,
    baselines: bool,
    as_json: bool,
) -> None:
    """Measure the training recipe by repeated stratified cross-validation, with baselines on the same folds.

    With --model, measure that saved model on the file without training. Needs: pip install 'moodlog[train]'

    \b
    Examples:
      moodlog evaluate --data moods.csv
      moodlog evaluate --data others.csv --model models/my-moods/1 --no-baselines --json
    """
    from mood_core.classifier.training import parse_mood_words, require_training

    require_training()
    settings: dict[str, Any] = {
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
        "by_artist": group_by == "artist",
        "baselines": baselines,
    }
    moods = parse_mood_words(words)
    evaluation = _recipe(data, moods, settings) if model is None else _model(data, moods, model, settings)
    if evaluation.protocol.get("trained_on_this_file"):
        click.echo("moodlog: the model was trained on this very file; these scores do not measure it", err=True)
    if as_json:
        click.echo(json.dumps(evaluation.as_json()))
    else:
        _show(evaluation)


def _recipe(data: Path, words: dict[str, str], settings: dict[str, Any]) -> Evaluation:
    from mood_core.classifier.training import evaluate_recipe, read_labelled

    tracks = read_labelled(data, words=words)
    tell_notes(tracks.notes)
    with training_progress() as progress:
        return evaluate_recipe(tracks, progress=progress, **settings)


def _model(data: Path, words: dict[str, str], model: Path, settings: dict[str, Any]) -> Evaluation:
    from mood_core.classifier import load_classifier
    from mood_core.classifier.training import evaluate_model, read_labelled

    classifier = load_classifier(model, classes=None)
    tracks = read_labelled(data, classes=classifier.card.classes, minimum_tracks=0, words=words)
    tell_notes(tracks.notes)
    with training_progress() as progress:
        return evaluate_model(classifier, tracks, progress=progress, **settings)


def _show(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    moods = list(evaluation.measured.scores.recall)
    table = Table(
        "model", "accuracy %", "macro-F1", "log loss", "ECE", *moods, box=None, padding=(0, 1, 0, 0), pad_edge=False
    )
    for name, measured in {"this": evaluation.measured, **evaluation.baselines}.items():
        scores, error = measured.scores, measured.standard_errors
        figures = [f"{value:.3f}" for value in (scores.macro_f1, scores.log_loss, scores.ece)]
        recalls = [f"{scores.recall[mood]:.2f}" for mood in moods]
        accuracy = f"{scores.accuracy * 100:.1f} ± {error['accuracy'] * 100:.1f}"
        table.add_row(name.replace("_", " "), accuracy, *figures, *recalls)
    console = Console()
    console.print(table)
    console.print("± standard error over tracks; ECE calibration error; by mood: recall")

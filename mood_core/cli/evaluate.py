"""``moodlog evaluate``: measure the training recipe or a saved model on labelled tracks."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mood_core.cli import options
from mood_core.cli.messages import echo_notes
from mood_core.cli.progress import share_progress
from mood_core.files.own_file import check_folder, refuse_foreign
from mood_core.files.private import write_private
from mood_core.text.format import plural

if TYPE_CHECKING:
    from mood_core.classifier.training import Evaluation
    from mood_core.classifier.training.evaluation import GroupBy
    from mood_core.classifier.training.metrics import Scores

_PARTS = ("strangers", "inside")
"""The measurements of the public protocol."""

_LARGEST = 10_000_000  # bytes of a result


@click.command("evaluate")
@options.labelled_data
@options.mood_words
@click.option("--model", type=click.Path(path_type=Path), help="Measure this saved model instead of the recipe.")
@options.folds
@options.repeats
@click.option("--seed", default=0, help="Random seed of the folds.")
@click.option(
    "--group-by",
    type=click.Choice(["artist", "source"]),
    help="Keep each artist's tracks together, or leave one source (curator) out at a time.",
)
@options.baselines
@click.option("--protocol", type=click.Choice(["public"]), help="Run the frozen public benchmark on its ten curators.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --protocol: write the results to this JSON file.",
)
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    data: Path,
    words: tuple[str, ...],
    model: Path | None,
    folds: int,
    repeats: int,
    seed: int,
    group_by: GroupBy | None,
    *,
    baselines: bool,
    protocol: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the training recipe by repeated stratified cross-validation, with baselines on the same folds.

    With --group-by source, leave one curator of the column `source` out at a time, to measure new curators. With
    --model, measure that saved model on the tracks it was not trained on. Options that a measurement does not use are
    refused. Needs the extra moodlog[train].

    \b
    Examples:
      moodlog evaluate --data moods.csv
      moodlog evaluate --data curators.csv --group-by source
      moodlog evaluate --data others.csv --model models/my-moods/1 --json
      moodlog evaluate --data curators.csv --protocol public --out results.json
    """
    from mood_core.classifier.training import parse_mood_words, require_training

    _refuse_unused(context)
    require_training()
    moods = parse_mood_words(words)
    if protocol is not None:
        _public(data, out, as_json=as_json)
        return
    if model is None:
        folding = {"folds": folds, "repeats": repeats, "baselines": baselines}
        evaluation = _recipe(data, moods, seed=seed, group_by=group_by, **folding)
    else:
        evaluation = _model(data, moods, model, seed=seed, group_by=group_by)
    if as_json:
        click.echo(json.dumps(evaluation.as_json()))
    else:
        _show(evaluation)


def _refuse_unused(context: click.Context) -> None:
    """Refuse options that the chosen measurement would ignore."""
    chosen = context.params
    if chosen["out"] and not chosen["protocol"]:
        raise click.UsageError("--out writes the results of --protocol public: add it, or leave --out out.")
    unused: tuple[str, ...] = ("folds", "repeats")
    if chosen["protocol"]:
        reason = "--protocol public has fixed labels, folds and curators"
        unused += ("words", "model", "seed", "group_by", "baselines")
    elif chosen["model"]:
        reason = "--model measures a saved model without folds"
        unused += ("group_by",) if chosen["group_by"] == "artist" else ()
    elif chosen["group_by"] == "source":
        reason = "--group-by source leaves out one source at a time"
    else:
        return
    options.refuse_given(context, unused, reason)


def _public(data: Path, out: Path | None, *, as_json: bool) -> None:
    from mood_core.classifier.training import read_labelled
    from mood_core.classifier.training.public_protocol import frozen_hashes, run_protocol
    from mood_core.domain.records import MOODS

    if out is not None:
        check_folder(out)
        refuse_foreign(out, "a result", _is_result)
    tracks = read_labelled(data, classes=MOODS)
    echo_notes(tracks.notes)
    with share_progress(transient=False) as progress:
        found = run_protocol(tracks, frozen_hashes(), progress=progress)
    text = json.dumps(found, indent=1)
    if out is not None:
        write_private(out, f"{text}\n".encode())
    if as_json:
        click.echo(json.dumps(found))
        return
    for part in _PARTS:
        mean, interval = found[part]["mean"], found[part]["interval_95"]
        figures = (
            f"{name.replace('_', ' ')} {mean[name]:.3f} ({interval[name][0]:.3f} to {interval[name][1]:.3f})"
            for name in mean
        )
        click.echo(f"{part}: {', '.join(figures)}")
    for name, one in found["canaries"].items():
        click.echo(f"canary {name.replace('_', ' ')}: {'passed' if one['passed'] else 'FAILED'}")


def _is_result(path: Path) -> bool:
    with path.open("rb") as file, suppress(ValueError):
        found = json.loads(file.read(_LARGEST))
        return isinstance(found, dict) and found.keys() >= set(_PARTS)
    return False


def _recipe(data: Path, words: dict[str, str], **settings: Any) -> Evaluation:
    from mood_core.classifier.training import evaluate_recipe, read_labelled

    tracks = read_labelled(data, words=words)
    echo_notes(tracks.notes)
    with share_progress(transient=False) as progress:
        return evaluate_recipe(tracks, progress=progress, **settings)


def _model(data: Path, words: dict[str, str], model: Path, **settings: Any) -> Evaluation:
    from mood_core.classifier import load_classifier
    from mood_core.classifier.training import evaluate_unseen, read_labelled
    from mood_core.classifier.training.promotion import FEWEST_TRACKS
    from mood_core.usecases.models.promote_model import candidate

    classifier = load_classifier(model, classes=None)
    tracks = read_labelled(data, classes=classifier.card.classes, minimum_tracks=0, words=words)
    evaluation = evaluate_unseen(candidate(classifier, model), tracks, **settings)
    seen = evaluation.protocol["seen_tracks"]
    new = len(tracks) - seen
    few = f"; {plural(new, 'new track')} cannot measure it well" if new < FEWEST_TRACKS else ""
    skipped = [f"{seen:,} of {len(tracks):,} tracks are left out: the model was trained on them{few}"] if seen else []
    echo_notes([*tracks.notes, *skipped])
    return evaluation


def _show(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    moods = list(evaluation.measured.scores.recall)
    headings = ("model", "accuracy %", "balanced %", "log loss", "ECE", "wrong, p > .9", *moods)
    table = Table(*headings, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name, measured in {"this": evaluation.measured, **evaluation.baselines}.items():
        error = measured.standard_errors["accuracy"]
        table.add_row(name.replace("_", " "), *_cells(measured.scores, moods, error))
    for name, scores in evaluation.measured.by_source.items():
        table.add_row(f"  {name}", *_cells(scores, moods))
    console = Console()
    console.print(table)
    over = evaluation.protocol.get("standard_errors", "bootstrap over tracks")
    console.print(f"± standard error ({over}); ECE calibration error; by mood: recall")


def _cells(scores: Scores, moods: list[str], error: float | None = None) -> list[str]:
    accuracy = f"{scores.accuracy * 100:.1f}" + (f" ± {error * 100:.1f}" if error is not None else "")
    figures = [f"{scores.balanced_accuracy * 100:.1f}", f"{scores.log_loss:.3f}", f"{scores.ece:.3f}"]
    recalls = [f"{scores.recall[mood]:.2f}" if mood in scores.recall else "" for mood in moods]
    return [accuracy, *figures, f"{scores.wrong_and_confident:.1%}", *recalls]

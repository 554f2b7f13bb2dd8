"""``moodlog promote``: replace the current model with a new one, if it is better."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.classifier.model_card import read_card
from mood_core.cli import options
from mood_core.cli.progress import share_progress
from mood_core.usecases.models.promote_model import check_identity, check_meaning, compare, install


@click.command
@click.argument("model", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--data", type=click.Path(path_type=Path), help="Labelled tracks to measure both models on.")
@click.option("--force", is_flag=True, help="Promote the model with any result, or without a comparison.")
@click.option("--accept-changed-moods", is_flag=True, help="Promote the model even if its moods mean something else.")
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    data: Path | None,
    *,
    force: bool,
    accept_changed_moods: bool,
    as_json: bool,
) -> None:
    """Make a model folder the current model if it is better than the current one by more than noise.

    Both models are measured on the same labelled tracks, those that they were not trained on. The test is paired, track
    by track, and averaged over the curators if a column `source` names them. If the file has all tracks of the new
    model, that model is fitted again without the tracks that are judged. The next run labels everything with the new
    model and then shows its labels; the old labels stay. If MOODLOG_MODEL is set, it overrides the promoted model.

    A model whose moods mean something else is refused, even with --force: for example, if its Calm tracks are much less
    instrumental than those of the current model. --accept-changed-moods promotes it all the same.

    \b
    Examples:
      moodlog promote models/my-moods/2 --data labelled.csv
      moodlog promote models/my-moods/2 --force
    """
    if data is None and not force:
        raise click.UsageError("give --data FILE to compare the models on, or --force.")
    with Workspace() as workspace:
        current = workspace.model_folder
        card = check_identity(model, current)
        changed = check_meaning(card, read_card(current), accepted=accept_changed_moods)
        result = None
        if data is not None:
            with share_progress(transient=False) as progress:
                result = compare(model, current, data, progress=progress)
        promoted = force or (result is not None and result.promoted)
        if promoted:
            install(model, workspace.settings.models)
    answer = {
        "model_version": card.model_version,
        "promoted": promoted,
        "comparison": result and asdict(result),
        "changed_moods": changed,
    }
    if as_json:
        click.echo(json.dumps(answer))
    else:
        reason = f"; {result.reason}" if result else ""
        click.echo(f"{card.model_version} is {'now the current model' if promoted else 'not promoted'}{reason}")
    context.exit(0 if promoted else 1)

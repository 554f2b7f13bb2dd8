"""``moodlog relabel``: label everything again by another model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from mood_core.app.workspace import Workspace
from mood_core.domain.records import MOODS
from mood_core.settings import load_settings
from mood_core.usecases.models.relabel import Agreement, RelabelReport, keep_using


@click.command
@click.option("--model", type=click.Path(path_type=Path), metavar="PATH", help="A model folder; default MOODLOG_MODEL.")
@click.option(
    "--drop-old", "drop", is_flag=True, help="Then delete the labels of all other versions, also from the lake."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(model: Path | None, drop: bool, as_json: bool) -> None:
    """Label every known track again with another model, from stored features. Nothing is fetched.

    Queries show the old labels until all tracks are labelled, then the new ones. The old labels stay stored until
    --drop-old. The model of --model is copied to MOODLOG_HOME, and later runs use it. If MOODLOG_MODEL is set, it
    overrides this model.

    \b
    Examples:
      moodlog relabel --model my-model
      moodlog relabel --model my-model --drop-old
    """
    own = load_settings()
    settings = own.model_copy(update={"model": model}) if model else own
    with Workspace(settings) as workspace, Console(stderr=True).status("labelling") as status:
        report = workspace.relabel(
            drop_old=drop, progress=lambda done, of: status.update(f"{done} of {of} tracks labelled")
        )
        warning = keep_using(model, own.model, own.models) if model else None
    if warning:
        click.echo(warning, err=True)
    if as_json:
        click.echo(json.dumps(as_json_object(report), ensure_ascii=False, default=float))
    else:
        _print(report, Console())


def as_json_object(report: RelabelReport) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "model_version": report.labels.model_version,
        "labelled": report.labels.labelled,
        "uncertain": report.labels.uncertain,
        "agreement": report.agreement and asdict(report.agreement),
        "dropped": report.dropped,
    }


def _print(report: RelabelReport, console: Console) -> None:
    console.print(
        f"{report.labels.labelled} tracks labelled by {report.labels.model_version}", markup=False, highlight=False
    )
    if report.agreement:
        _print_agreement(report.agreement, console)
    for version, labels in report.dropped.items():
        console.print(f"dropped {labels} labels by {version}", markup=False, highlight=False)


def _print_agreement(agreement: Agreement, console: Console) -> None:
    kappa = "undefined" if agreement.kappa is None else f"{agreement.kappa:.3f}"
    console.print(
        f"{agreement.share:.1%} of {agreement.tracks} tracks have the mood that {agreement.old_version} gave;"
        f" Cohen's kappa {kappa}",
        markup=False,
        highlight=False,
    )
    table = Table(title="Old moods down, new moods across", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for mood in MOODS:
        table.add_column(mood, justify="right")
    for mood in MOODS:
        table.add_row(mood, *(str(agreement.table[mood][other]) for other in MOODS))
    console.print(table)
    for row in agreement.moved[:5]:
        text = f"{row['track']} ({row['artists']}): {row['old_mood']} to {row['new_mood']}, moved {row['distance']:.2f}"
        console.print(text, markup=False, highlight=False)

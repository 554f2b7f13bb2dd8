"""``moodlog relabel``: label everything again with another model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click

from mood_core.app.labelling import Engine
from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.plain_table import plain_table, print_table
from mood_core.cli.progress import count_progress
from mood_core.cli.terminal import echo_json
from mood_core.domain.records import MOODS
from mood_core.settings import load_settings
from mood_core.text.sanitise import plain
from mood_core.usecases.models.relabel import Agreement, RelabelReport, keep_using


@click.command
@click.option("--model", type=click.Path(path_type=Path), metavar="PATH", help="A model folder; default MOODLOG_MODEL.")
@click.option("--drop-old", "drop", is_flag=True, help="Then delete the labels of all other versions, in the lake too.")
@click.option("--engine", type=click.Choice(get_args(Engine)), default="local", help="What labels; default local.")
@options.spark_master
@options.as_json
def command(model: Path | None, drop: bool, engine: Engine, master: str | None, as_json: bool) -> None:
    """Label every known track again with another model, from stored features. Nothing is fetched.

    Queries show the old labels until all tracks are labelled, then the new ones. The old labels stay stored until
    --drop-old. The model of --model is copied to MOODLOG_HOME, and later runs use it. If MOODLOG_MODEL is set, it
    overrides this model.

    With --engine spark, Apache Spark reads the lake and labels on all cores, or on the cluster of --master. It needs
    the extra spark and Java; docs/spark.md explains it.

    \b
    Examples:
      moodlog relabel --model my-model
      moodlog relabel --model my-model --engine spark --master spark://head:7077
      moodlog relabel --model my-model --drop-old
    """
    own = load_settings()
    given = {"model": model, "spark_master": master}
    settings = own.model_copy(update={name: value for name, value in given.items() if value})
    with Workspace(settings) as workspace, count_progress("labelling") as progress:
        report = workspace.relabel(drop_old=drop, engine=engine, progress=progress)
        warning = keep_using(model, own.model, own.models) if model else None
    if warning:
        click.echo(warning, err=True)
    if as_json:
        echo_json(_fields(report), default=float)
    else:
        _print(report)


def _fields(report: RelabelReport) -> dict[str, object]:
    return {
        "model_version": report.labels.model_version,
        "labelled": report.labels.labelled,
        "uncertain": report.labels.uncertain,
        "agreement": report.agreement and asdict(report.agreement),
        "dropped": report.dropped,
    }


def _print(report: RelabelReport) -> None:
    click.echo(f"{report.labels.labelled} tracks labelled by {report.labels.model_version}")
    if report.agreement:
        _print_agreement(report.agreement)
    for version, labels in report.dropped.items():
        click.echo(f"dropped {labels} labels by {version}")


def _print_agreement(agreement: Agreement) -> None:
    kappa = "undefined" if agreement.kappa is None else f"{agreement.kappa:.3f}"
    click.echo(
        f"{agreement.share:.1%} of {agreement.tracks} tracks have the mood that {agreement.old_version} gave;"
        f" Cohen's kappa {kappa}"
    )
    rows = [{"old \\ new": old, **{new: agreement.table[old][new] for new in MOODS}} for old in MOODS]
    print_table(plain_table(rows))
    for row in agreement.moved[:5]:
        names = plain(f"{row['track']} ({row['artists']})")
        click.echo(f"{names}: {row['old_mood']} to {row['new_mood']}, moved {row['distance']:.2f}")

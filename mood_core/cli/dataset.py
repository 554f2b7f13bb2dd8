"""``moodlog dataset``: collect labelled tracks from playlists, and describe them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import echo_notes
from mood_core.cli.person_names import complete_person
from mood_core.cli.plain_table import plain_table, print_table
from mood_core.cli.progress import count_progress
from mood_core.domain.records import FEATURES
from mood_core.errors import ConfigError
from mood_core.files.private import replacing_private
from mood_core.installation import install_extra
from mood_core.report.own_picture import refuse_foreign_picture, save_picture
from mood_core.text.sanitise import plain
from mood_core.usecases.models.build_dataset import (
    DatasetReport,
    check_dataset_file,
    parse_playlist,
    write_dataset,
)

if TYPE_CHECKING:
    from mood_core.classifier.training.data import LabelledTracks


@click.group
def command() -> None:
    """Collect labelled tracks from playlists, and describe them."""


@command.command
@click.option(
    "--playlist",
    "playlists",
    multiple=True,
    required=True,
    metavar="[CURATOR/]MOOD=ID",
    help="A playlist, its mood and its curator.",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .parquet file.")
@click.option(
    "--user",
    metavar="ID|NAME",
    shell_complete=complete_person,
    help="The account that reads the playlists; default: the first.",
)
@options.as_json
def build(playlists: tuple[str, ...], out: Path, user: str | None, as_json: bool) -> None:
    """Collect the tracks of playlists with their audio features. Each playlist has one mood and one curator.

    A track has one row for each mood and curator, and the outcome of every item is reported. An app in development mode
    can only read playlists that the account owns or edits. `moodlog train` reads the file.

    \b
    Example:
      moodlog dataset build --playlist Calm=37i9dQZF1DWZd79rJ6a7lp --playlist Sad=... --playlist Happy=... \\
        --playlist Energetic=... --out moods.csv
      moodlog dataset build --playlist anna/Calm=... --playlist ben/Calm=... --playlist ben/Sad=... --out moods.csv
    """
    wanted = [parse_playlist(text) for text in playlists]
    check_dataset_file(out)
    with Workspace() as workspace, count_progress("fetching features") as progress:
        table, report = workspace.build_dataset(wanted, user, progress=progress)
    write_dataset(table, out)
    answer = {
        "file": str(out),
        "items": report.items,
        "outcomes": {outcome.value: count for outcome, count in sorted(report.outcomes.items())},
        "tracks": dict(sorted(report.kept.items())),
    }
    click.echo(json.dumps(answer)) if as_json else _print_report(report, out)


@command.command(short_help="Show the tracks and mean features of each mood.")
@click.argument("file", type=click.Path(path_type=Path))
@options.mood_words
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the distributions to this PNG.")
@options.as_json
def describe(file: Path, words: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Show the number of tracks of each mood and the means of their features.

    \b
    Examples:
      moodlog dataset describe moods.csv
      moodlog dataset describe moods.csv --plot moods.png
    """
    from mood_core.classifier.training.data import read_labelled
    from mood_core.classifier.training.labels import parse_mood_words

    tracks = read_labelled(file, minimum_tracks=0, words=parse_mood_words(words))
    echo_notes(tracks.notes)
    means = {
        mood: _means(tracks.matrix[tracks.labels == number])
        for number, mood in enumerate(tracks.classes)
        if (tracks.labels == number).any()
    }
    if as_json:
        by_mood = {mood: dict(zip(FEATURES, values, strict=True)) for mood, values in means.items()}
        click.echo(json.dumps({"tracks": tracks.counts(), "means": by_mood}))
    else:
        _print_means(tracks.counts(), means)
    if plot is not None:
        _draw(tracks, plot)


def _means(matrix: np.ndarray) -> list[float | None]:
    """The mean of each feature; None if no track has it."""
    return [None if np.isnan(column).all() else float(np.nanmean(column)) for column in matrix.T]


def _print_report(report: DatasetReport, out: Path) -> None:
    rows = [{"outcome": outcome.value, "items": count} for outcome, count in sorted(report.outcomes.items())]
    print_table(plain_table([*rows, {"outcome": "all", "items": report.items}]))
    click.echo("  ".join(f"{mood} {count}" for mood, count in sorted(report.kept.items())) or "no track was kept")
    click.echo(plain(f"Written to {out}. Next: moodlog train --data {out} --out models"))


def _print_means(counts: dict[str, int], means: dict[str, list[float | None]]) -> None:
    rows: list[dict[str, object]] = [{"mean": "tracks", **{mood: counts[mood] for mood in means}}]
    for position, name in enumerate(FEATURES):
        found = {mood: values[position] for mood, values in means.items()}
        rows.append({"mean": name, **{mood: mean if mean is None else f"{mean:.3g}" for mood, mean in found.items()}})
    print_table(plain_table(rows))


def _draw(tracks: LabelledTracks, plot: Path) -> None:
    refuse_foreign_picture(plot)
    try:
        from mood_core.classifier.training.plots import features_figure

        figure = features_figure(tracks)
    except ImportError as error:
        raise ConfigError(f"drawing needs {error.name}; install it with: {install_extra('plots')}") from error
    with replacing_private(plot) as file:
        save_picture(figure, file)
    click.echo(f"Wrote the picture {plain(str(plot))}.", err=True)

"""``moodlog dataset``: labelled tracks from playlists, and what they are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mood_core.app.workspace import Workspace
from mood_core.cli.notes import tell_notes
from mood_core.domain.records import FEATURES
from mood_core.errors import ConfigError, InputError
from mood_core.text.sanitise import plain
from mood_core.usecases.models.build_dataset import DatasetReport, parse_playlist, write_dataset

if TYPE_CHECKING:
    from mood_core.classifier.training.data import LabelledTracks


@click.group
def command() -> None:
    """Collect labelled tracks from playlists, and describe them."""


@command.command
@click.option(
    "--playlist", "playlists", multiple=True, required=True, metavar="MOOD=ID", help="A playlist and its mood."
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A .csv or .parquet file.")
@click.option("--user", metavar="ID|NAME", help="The account that reads the playlists; default: the first.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def build(playlists: tuple[str, ...], out: Path, user: str | None, as_json: bool) -> None:
    """Collect the tracks of playlists with their audio features. Each playlist has one mood.

    Tracks in playlists of two moods are skipped, and the outcome of every item is reported. An app in development mode
    can only read playlists that the account owns or edits. `moodlog train` reads the file.

    \b
    Example:
      moodlog dataset build --playlist Calm=37i9dQZF1DWZd79rJ6a7lp --playlist Sad=... --playlist Happy=... \\
        --playlist Energetic=... --out moods.csv
    """
    wanted = [parse_playlist(text) for text in playlists]
    progress = Progress(console=Console(stderr=True), transient=True)
    with Workspace() as workspace, progress as bars:
        step = bars.add_task("fetching features", total=None)
        table, report = workspace.build_dataset(
            wanted, user, progress=lambda done, of: bars.update(step, completed=done, total=of)
        )
    write_dataset(table, out)
    answer = {
        "file": str(out),
        "items": report.items,
        "fates": {outcome.value: count for outcome, count in sorted(report.outcomes.items())},
        "tracks": dict(sorted(report.kept.items())),
    }
    click.echo(json.dumps(answer)) if as_json else _print_report(report, out)


@command.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mood",
    "words",
    multiple=True,
    metavar="WORD=MOOD",
    help="Map a word in the mood column to a mood; WORD= skips its tracks. Repeatable.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the distributions to this PNG.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
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
    tell_notes(tracks.notes)
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
    """The mean of each feature; None where no track has it."""
    return [None if np.isnan(column).all() else float(np.nanmean(column)) for column in matrix.T]


def _print_report(report: DatasetReport, out: Path) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("what became of the items")
    table.add_column("items", justify="right")
    for outcome, count in sorted(report.outcomes.items()):
        table.add_row(outcome.value, str(count))
    table.add_row("all", str(report.items), style="bold")
    console = Console()
    console.print(table)
    console.print("  ".join(f"{mood} {count}" for mood, count in sorted(report.kept.items())) or "no track was kept")
    told = f"Written to {out}. Next: moodlog train --data {out} --out models"
    console.print(plain(told), markup=False, highlight=False, soft_wrap=True)


def _print_means(counts: dict[str, int], means: dict[str, list[float | None]]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("mean")
    for mood in means:
        table.add_column(mood, justify="right")
    table.add_row("tracks", *(str(counts[mood]) for mood in means))
    for position, name in enumerate(FEATURES):
        table.add_row(name, *("" if (mean := values[position]) is None else f"{mean:.3g}" for values in means.values()))
    Console().print(table)


def _draw(tracks: LabelledTracks, plot: Path) -> None:
    if plot.exists() and not plot.is_file():
        raise InputError(f"{plot} is not a regular file, so nothing is drawn into it; name another file")
    try:
        from mood_core.classifier.training.plots import draw_features

        draw_features(plot, tracks)
    except ImportError as error:
        raise ConfigError(f"drawing needs {error.name}: pip install 'moodlog[plots]'") from error
    click.echo(f"Drawn into {plain(str(plot))}", err=True)

"""``moodlog audio``: audio features from a person's own audio files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.text.format import plural
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.usecases.audio.add_audio import AddReport

_LEAVES = (
    "note: the audio leaves this machine: the first 30 s of each matching file are sent to ReccoBeats (the whole file "
    "with its tags if ffmpeg is not installed)"
)
_SAID = {
    "analysed": "analysed",
    "stored_before": "analysed before, or for another file of the same track",
    "exact_features": "of tracks that have exact features",
    "no_track": "of tracks that are not in the database",
    "no_tags": "without a track, an ISRC, or artist and title in tags or file name",
    "unreadable": "not readable as audio",
    "failed": "could not be analysed",
    "not_tried": "not tried",
    "not_audio": "without the suffix of an audio format",
}


@click.group
def command() -> None:
    """Estimate audio features from audio files that you own.

    They are for tracks that no catalogue has, such as new releases and local files. They are less reliable than
    Spotify's, so they are stored apart, and a model of their own labels them.

    \b
    Example:
      moodlog audio add ~/Music
    """


@command.command("add", short_help="Analyse the files in a folder and label their tracks.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--analyser",
    type=click.Choice(["program", "reccobeats"]),
    default="program",
    show_default=True,
    help="The program of MOODLOG_AUDIO_ANALYSER, or ReccoBeats, which gets the first 30 s of each file.",
)
@options.as_json
@click.pass_context
def add(ctx: click.Context, folder: Path, analyser: str, as_json: bool) -> None:
    """Analyse the files in a folder that belong to tracks in the database, and label these tracks.

    A file is matched by the ISRC in its tags, else by artist, title and duration. Tracks that have features are not
    analysed again. The files stay where they are.

    \b
    Examples:
      MOODLOG_AUDIO_ANALYSER="/path/to/python analyse_with_vibenet.py" moodlog audio add ~/Music
      moodlog audio add ~/Music --analyser reccobeats
    """
    if analyser == "reccobeats":
        click.echo(_LEAVES, err=True)
    with Workspace() as workspace, count_progress("files") as progress:
        report = workspace.add_audio(folder, analyser, progress=progress)
    click.echo(json.dumps(_as_json(report)) if as_json else _text(report))
    for path, reason in report.problems:
        click.echo(f"{plain(str(path))}: {plain(reason)}", err=True)
    if report.stopped is not None:
        click.echo(f"The analyser was stopped: {plain(report.stopped.message)}. Run it again later.", err=True)
        ctx.exit(report.stopped.exit_code)


def _as_json(report: AddReport) -> dict[str, object]:
    counts = {outcome.value: count for outcome, count in report.outcomes.items()}
    return {
        "files": report.outcomes.total(),
        "outcomes": counts,
        "tracks": report.tracks,
        "labelled": report.labelled,
        "stopped": report.stopped.message if report.stopped else None,
    }


def _text(report: AddReport) -> str:
    lines = [
        f"{plural(report.outcomes.total(), 'file')}; new estimates for {plural(report.tracks, 'track')}, "
        f"{plural(report.labelled, 'track')} labelled from estimates"
    ]
    counts = {outcome.value: count for outcome, count in report.outcomes.items()}
    lines += [f"  {counts[name]:>6} {said}" for name, said in _SAID.items() if counts.get(name)]
    if report.tracks or report.labelled:
        lines.append("Next: `moodlog report --open` shows the moods; those from estimates are marked.")
    elif counts.get("no_track"):
        lines.append("Files are matched with stored tracks: `moodlog import` or `moodlog run` stores what was played.")
    return "\n".join(lines)

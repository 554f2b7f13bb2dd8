"""``moodlog import``: a whole listening history from the zip that Spotify sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mood_core.text.format import plural

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from mood_core.usecases.imports.import_export import ImportReport


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("-u", "--user", metavar="ID|NAME", help="The person; a new name makes a person without an account.")
@click.option("--timezone", metavar="ZONE", help="IANA time zone of a new person; default: this machine's.")
@click.option(
    "--min-ms",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Skip plays shorter than this; plays without a duration stay.",
)
@click.option(
    "--private",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="Keep or drop plays of private sessions.",
)
@click.option(
    "--videos",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="Keep or drop plays of music videos.",
)
@click.option("--label", is_flag=True, help="Fetch features and label at once, most played tracks first.")
@click.option("--dry-run", is_flag=True, help="Report the outcome of every row, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(
    paths: tuple[Path, ...],
    user: str | None,
    timezone: str | None,
    min_ms: int,
    private: str,
    videos: str,
    label: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import the listening history that Spotify sends on request: zip, folder or JSON files.

    It reads both formats, the extended history and the account data, in any mix. Every row's outcome is counted.
    Importing the same files again changes nothing. You need no account and no app.

    \b
    Examples:
      moodlog import my_spotify_data.zip
      moodlog import my_spotify_data.zip --dry-run
      moodlog import my_spotify_data.zip --user ada --label
      moodlog import "Spotify Extended Streaming History" --user ada --timezone Europe/Berlin
    """
    from mood_core.app.import_export import import_export, label_now
    from mood_core.app.workspace import Workspace
    from mood_core.exports.parse_row import ImportFilter

    row_filter = ImportFilter(min_ms, private == "keep", videos == "keep")
    with Workspace() as workspace, _bar() as bar:
        report = import_export(
            workspace, paths, user=user, timezone=timezone, row_filter=row_filter, dry_run=dry_run, progress=bar
        )
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        _print(report, labelled=label)
    # After the table: should a source fail now, the person still knows what became of their rows.
    if label and not dry_run:
        with Workspace() as workspace, _bar() as bar:
            label_now(workspace, bar.asking, bar.labelling)


class _Bar:
    """A bar on stderr with rows and time left."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars, self._step = bars, ""
        self._task = bars.add_task("reading", total=None)

    def started(self, step: str, total: int) -> None:
        self._step = step
        self._bars.reset(self._task, total=total or None, description=step)

    def __call__(self, rows: int, done: int, /) -> None:
        self._bars.update(self._task, completed=done, description=f"{self._step} {rows:,} rows")

    def asking(self, done: int, of: int) -> None:
        """So many tracks of so many were asked for."""
        self._count("features", done, of)

    def labelling(self, done: int, of: int) -> None:
        """So many tracks of so many have a label."""
        self._count("labels", done, of)

    def _count(self, step: str, done: int, of: int) -> None:
        if self._step != step:
            self.started(step, of)
        self._bars.update(self._task, completed=done, description=f"{step} of {done:,} of {of:,} tracks")


@contextmanager
def _bar() -> Iterator[_Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield _Bar(bars)


def _print(report: ImportReport, *, labelled: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from mood_core.exports.outcomes import MEANING, RowOutcome

    table = Table("fate", "rows", "meaning", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count in report.outcomes.items():
        table.add_row(name, f"{count:,}", MEANING[RowOutcome(name)])
    table.add_row("rows read", f"{report.rows_read:,}", "all of them", style="bold")
    Console().print(table)
    notes = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for note in _notes(report, imported=report.outcomes[RowOutcome.IMPORTED.value], labelled=labelled):
        notes.print(note)


def _notes(report: ImportReport, *, imported: int, labelled: bool) -> Iterator[str]:
    if report.other_files:
        yield f"No listening history, left alone: {', '.join(report.other_files)}"
    if report.seen_before:
        yield "These very files were imported before."
    if report.first_at and report.last_at:
        yield f"New listens from {report.first_at:%Y-%m-%d} to {report.last_at:%Y-%m-%d}."
    if report.dry_run:
        yield "Dry run: nothing was written."
    if report.quarantine:
        yield f"Malformed rows, with file, position and reason: {report.quarantine}"
    if report.repaired:
        yield f"{plural(report.repaired, 'broken character')} in names replaced by \N{REPLACEMENT CHARACTER}."
    if report.gaps_filled:
        yield f"Possible gaps filled: {report.gaps_filled}."
    if imported and not report.dry_run and not labelled:
        yield "Next: `moodlog run` fetches features and labels moods."

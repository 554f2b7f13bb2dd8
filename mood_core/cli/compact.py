"""``moodlog compact``: merge small files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.progress import share_progress
from mood_core.text.format import plural


def _month(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter("write a month as YYYY-MM")
    return value


@click.command
@click.option(
    "--before", metavar="YYYY-MM", callback=_month, help="Merge months before this one; default: current month."
)
@options.as_json
def command(before: str | None, as_json: bool) -> None:
    """Merge the small Parquet files of past months into a few large ones, sorted by person and time.

    Readers always see the rows either of the old files or of the new one. Rows, ledger and SQL stay the same. Safe to
    rerun after a crash.

    \b
    Examples:
      moodlog compact
      moodlog compact --before 2026-06
    """
    with Workspace() as workspace, share_progress() as progress:
        report = workspace.compact(before, progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    if report.files_before:
        click.echo(
            f"merged {report.files_before} files with {report.bytes_before} bytes"
            f" into {report.files_after} with {report.bytes_after}"
        )
    else:
        click.echo("nothing to merge")
    if report.cleaned:
        click.echo(f"forgotten people were removed from {plural(report.cleaned, 'file')} that had come back")
    if report.leftovers:
        click.echo(f"{plural(report.leftovers, 'replaced file')} removed")

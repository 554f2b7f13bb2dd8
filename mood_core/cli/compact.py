"""``moodlog compact``: merge small files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import click
from rich.console import Console

from mood_core.app.workspace import Workspace


def _month(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter("write a month as YYYY-MM")
    return value


@click.command
@click.option(
    "--before", metavar="YYYY-MM", callback=_month, help="Merge months before this one; default: current month."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(before: str | None, as_json: bool) -> None:
    """Merge the small Parquet files of past months into a few large ones, sorted by person and time.

    Readers always see the rows either of the old files or of the new one. Rows, ledger and SQL stay the same. Safe to
    rerun after a crash.

    \b
    Examples:
      moodlog compact
      moodlog compact --before 2026-06
    """
    with Workspace() as workspace, Console(stderr=True).status("merging") as status:
        report = workspace.compact(before, progress=lambda what, share: status.update(f"merging {what}, {share:.0%}"))
    if as_json:
        click.echo(json.dumps(asdict(report)))
    elif report.files_before:
        click.echo(
            f"{report.files_before} files became {report.files_after},"
            f" {report.bytes_before} bytes became {report.bytes_after}"
        )
    else:
        click.echo("nothing to merge")

"""``moodlog rebuild``: SQL again from the lake."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mood_core.bootstrap import Workspace
from mood_core.cli.file_progress import file_progress
from mood_core.pipeline.rebuild import rebuild


@click.command
@click.option("--skip-damaged", is_flag=True, help="Go on without files that are missing, damaged or foreign.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(skip_damaged: bool, as_json: bool) -> None:
    """Make the SQL database again from the Parquet lake alone, row for row.

    It happens in one transaction: until its end everybody sees the old rows, and killed anywhere it changes nothing.
    Connected accounts and their tokens are not in the lake: they stay where the database still has them. Into a new,
    empty database the history comes back, and people connect once more.

    \b
    Examples:
      moodlog rebuild
      moodlog rebuild --skip-damaged
      MOODLOG_DATABASE_URL=postgresql+psycopg://localhost/moodlog moodlog rebuild
    """
    with Workspace() as workspace, file_progress("rebuilding") as progress:
        report = rebuild(
            workspace.lake, workspace.database, now=workspace.now(), skip_damaged=skip_damaged, progress=progress
        )
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False))
        return
    for finding in report.skipped:
        click.echo(f"skipped {finding.subject}: {finding.problem}")
    click.echo(f"rebuilt from {report.files} files with {report.rows} rows")

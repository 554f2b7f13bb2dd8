"""``moodlog verify``: compare lake, ledger and SQL."""

from __future__ import annotations

from dataclasses import asdict

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.cli.terminal import echo_json
from mood_core.text.format import plural
from mood_core.text.sanitise import plain
from mood_core.usecases.upkeep.verify_lake import Verification


@click.command
@click.option("--deep", is_flag=True, help="Also compare every row, in a temporary database made from the lake.")
@click.option("--workers", type=options.Integer(1, 64), default=1, show_default=True, help="Cores to use.")
@options.as_json
@click.pass_context
def command(context: click.Context, deep: bool, workers: int, as_json: bool) -> None:
    """Check that the Parquet lake, the ledger and the SQL database agree.

    Every file is read and compared with the sha256 in the ledger, tables are counted, and each page of a SQLite
    database is checked. Each finding names the file
    or table and says what to do. The exit code is 1 if there is a finding. It changes nothing, so after an
    interruption it begins again.

    \b
    Examples:
      moodlog verify
      moodlog verify --deep --workers 4
      moodlog verify --json | jq .findings
    """
    with Workspace() as workspace, count_progress("verifying") as progress:
        found = workspace.verify(deep=deep, workers=workers, progress=progress)
    if as_json:
        echo_json({"ok": not found.findings, **asdict(found)})
    else:
        _print(found)
    context.exit(1 if found.findings else 0)


def _print(found: Verification) -> None:
    for finding in found.findings:
        click.secho(plain(f"{finding.kind}: {finding.subject}"), bold=True)
        click.echo(plain(f"  {finding.problem}"))
        click.echo(plain(f"  {finding.advice}"))
    result = plural(len(found.findings), "finding") if found.findings else "lake, ledger and SQL agree"
    size = f"{found.bytes / 1e6:.1f} MB"
    click.echo(f"{result}: {plural(found.files, 'file')}, {plural(found.rows, 'row')}, {size}")

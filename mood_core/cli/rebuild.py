"""``moodlog rebuild``: rebuild SQL from the lake."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy import make_url

from mood_core.app.workspace import Workspace, utc_now
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.cli.terminal import echo_json
from mood_core.errors import DatabaseDamaged
from mood_core.settings import load_settings
from mood_core.store.upkeep.corruption import accounts_of, move_away
from mood_core.store.upkeep.rebuilding import write_kept
from mood_core.text.sanitise import plain
from mood_core.usecases.upkeep.rebuild import RebuildReport, cancel_rebuild


@click.command
@click.option("--skip-damaged", is_flag=True, help="Continue without files that are missing, damaged or foreign.")
@click.option("--workers", type=options.Integer(1, 64), default=1, show_default=True, help="Cores to use (PostgreSQL).")
@click.option("--cancel", is_flag=True, help="Remove what an interrupted rebuild has loaded (PostgreSQL).")
@options.as_json
@click.pass_context
def command(context: click.Context, skip_damaged: bool, workers: int, cancel: bool, as_json: bool) -> None:
    """Rebuild the SQL database from the Parquet lake, row by row.

    Readers see the old rows until it ends, and a crash changes nothing. On PostgreSQL it is safe to rerun after a
    crash: it continues where it stopped. On SQLite it begins again. A damaged database file is moved away first; the
    new one keeps the accounts that can still be read. Connected accounts and their tokens are not in the lake: they
    are kept if the database still has them. With a new, empty database, the history is restored and people must
    connect again.

    \b
    Examples:
      moodlog rebuild
      moodlog rebuild --skip-damaged
      moodlog rebuild --workers 4
      moodlog rebuild --cancel
      MOODLOG_DATABASE_URL=postgresql+psycopg://localhost/moodlog moodlog rebuild
    """
    if cancel:
        options.refuse_given(context, ("skip_damaged", "workers"), "--cancel only removes what was loaded")
        _cancel(as_json)
        return
    try:
        report = _rebuild(skip_damaged, workers)
    except DatabaseDamaged as error:
        report = _replace(error, skip_damaged, workers)
    if as_json:
        echo_json(asdict(report))
        return
    for finding in report.skipped:
        click.echo(plain(f"skipped {finding.subject}: {finding.problem}"))
    click.echo(f"rebuilt from {report.files} files with {report.rows} rows")


def _cancel(as_json: bool) -> None:
    with Workspace() as workspace:
        is_removed = cancel_rebuild(workspace.database)
    if as_json:
        echo_json({"outcome": "cancelled" if is_removed else "kept"})
    else:
        click.echo("rebuild: cancelled" if is_removed else "rebuild: nothing to cancel, no rebuild was interrupted")


def _rebuild(skip_damaged: bool, workers: int) -> RebuildReport:
    with Workspace() as workspace, count_progress("rebuilding") as progress:
        return workspace.rebuild(skip_damaged=skip_damaged, workers=workers, progress=progress)


def _replace(error: DatabaseDamaged, skip_damaged: bool, workers: int) -> RebuildReport:
    """Rebuild into a new file in place of the damaged one, with the accounts that can still be read."""
    file = make_url(load_settings().database).database
    if file is None:
        raise error
    away = move_away(Path(file).expanduser(), now=utc_now())
    click.echo(plain(f"{file} is damaged; it is now {away}"), err=True)
    kept = accounts_of(away)
    with Workspace() as workspace, workspace.database.write(durable=True) as connection:
        write_kept(connection, kept)
    if not kept.get("_accounts"):
        click.echo("no account could be read from it: people must connect again with `moodlog connect`", err=True)
    return _rebuild(skip_damaged, workers)

"""``moodlog backup``: a copy of everything while moodlog runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.errors import InputError
from mood_core.files.outside import absolute
from mood_core.text.sanitise import plain


@click.command
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Also copy the key that decrypts Spotify's tokens.")
@options.as_json
def command(folder: Path, with_key: bool, as_json: bool) -> None:
    """Copy the database, the lake and your models to a new folder in FOLDER, while moodlog runs or not.

    The copy is a consistent snapshot. Set MOODLOG_HOME to it, or copy it back to replace a lost home. It does not
    contain the key of Spotify's tokens, so that a lost backup gives no access to accounts. Keep the key elsewhere, or
    people must connect again. A PostgreSQL database is not copied: run pg_dump first. Prefect's runs, recaps,
    converted catalogue files and settings (.env) are not copied.

    \b
    Examples:
      moodlog backup /media/backup
      moodlog backup /media/backup --json | jq -r .folder
      MOODLOG_HOME=/media/backup/moodlog-20261124T031500Z moodlog verify --deep
    """
    if not folder.is_dir():  # a disk that is not mounted has no folder, and the backup would fill another disk
        raise InputError(f"{folder} does not exist; mount its disk, or create the folder")
    with Workspace() as workspace, count_progress("copying") as progress:
        report = workspace.back_up(absolute(folder), with_key=with_key, progress=progress)
        key_file = workspace.settings.token_key_file
    if as_json:
        found = {"folder": str(report.folder), "database": report.database, "files": report.files}
        click.echo(json.dumps(found | {"bytes": report.bytes, "key": with_key and key_file.exists()}))
    else:
        click.echo(plain(str(report.folder)))
    also = " with the database" if report.database else ""
    click.echo(f"Copied {report.files} files of the lake, {report.bytes / 1e6:.1f} MB{also}.", err=True)
    if not report.database:
        click.echo("The backup does not contain the PostgreSQL database: run pg_dump before this command.", err=True)
    if key_file.exists() and not with_key:
        click.echo(f"The backup does not contain the tokens' key: keep {plain(str(key_file))} elsewhere.", err=True)

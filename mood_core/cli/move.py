"""``moodlog move``: move all rows of SQL to another database."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from mood_core.app.workspace import make_home, utc_now
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.errors import InputError
from mood_core.settings import Settings, load_settings
from mood_core.text.sanitise import plain

_SHOWN = {"_accounts": "accounts", "listens": "listens", "_api_calls": "api_calls"}


@click.command
@click.option("--from", "source_url", metavar="URL", help="The database to move; default HOME/moodlog.db.")
@options.as_json
def command(source_url: str | None, as_json: bool) -> None:
    """Move everything to the database of MOODLOG_DATABASE_URL, from SQLite to PostgreSQL or back.

    This includes accounts, tokens (still encrypted) and counted calls, which `moodlog rebuild` cannot restore. The lake
    stays where it is. Stop `moodlog serve` first, and set MOODLOG_DATABASE_URL to the new, empty database. Afterwards
    the old database refuses every command, so that only one is in use. Safe to rerun after a crash. A password for
    --from comes from PGPASSWORD or ~/.pgpass, never from the command line.

    \b
    Examples:
      MOODLOG_DATABASE_URL=postgresql+psycopg://localhost/moodlog moodlog move
      MOODLOG_DATABASE_URL= moodlog move --from postgresql+psycopg://localhost/moodlog
    """
    from mood_core.store.engine.database import open_database
    from mood_core.store.engine.migrate import migrate
    from mood_core.usecases.upkeep.move_database import move_database

    settings = load_settings()
    make_home(settings.home)
    source, target = open_database(_source(source_url, settings)), open_database(settings.database)
    with closing(source), closing(target), count_progress("moving") as progress:
        if str(source) == str(target):
            raise InputError(f"{target} is the current database; set MOODLOG_DATABASE_URL to the new one")
        for database in (source, target):
            migrate(database, now=utc_now())
        rows = move_database(source, target, now=utc_now(), progress=progress)
    if as_json:
        click.echo(json.dumps({"from": str(source), "to": str(target), "rows": rows}))
        return
    counts = ", ".join(f"{rows[table]} {name}" for table, name in _SHOWN.items())
    click.echo(plain(f"moved {source} to {target}: {counts}"))
    click.echo(plain(f"{source} is kept, but no command uses it; delete it when you do not need it."), err=True)


def _source(url: str | None, settings: Settings) -> str:
    file = settings.home / "moodlog.db"
    if url is None:
        if not file.exists():
            raise InputError(f"there is no database {file}; give the database to move with --from")
        return f"sqlite:///{file}"
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return url  # it is refused when it is opened
    if parts.password:
        raise InputError("other users can read a command line; give the password in PGPASSWORD or ~/.pgpass")
    if parts.get_backend_name() == "sqlite" and parts.database and not _is_file(parts.database):
        raise InputError(f"there is no database {parts.database}; check the path in --from")
    return url


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # such as a name that is too long
        return False

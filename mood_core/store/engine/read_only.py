"""A database to look at without changing it, even where there is none yet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from mood_core.errors import SchemaOutOfDate
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import is_current, migrate


@contextmanager
def read_only(url: str, *, now: datetime) -> Iterator[Database]:
    """The database at ``url`` as it is; an empty one elsewhere, thrown away afterwards, where there is none.

    Raises:
        ConfigError: The address is of no kind that is known.
        SchemaOutOfDate: The database is of an older moodlog: what it holds could be read only after a change.
        StoreError: It cannot be reached.
    """
    if not _has_no_file(url):
        with closing(open_database(url)) as database:
            if _is_made(database):
                if not is_current(database):
                    raise SchemaOutOfDate(
                        f"the database {database} is of an older moodlog, and a dry run changes nothing;"
                        " `moodlog status` brings it up to date"
                    )
                yield database
                return
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_database(f"sqlite:///{folder}/moodlog.db")) as database,
    ):
        migrate(database, now=now)
        yield database


def _has_no_file(url: str) -> bool:
    """Whether ``url`` is a SQLite file that does not exist: opening it would make one."""
    if not url.startswith("sqlite"):
        return False
    file = make_url(url).database
    return bool(file) and file != ":memory:" and not Path(file or "").expanduser().exists()


def _is_made(database: Database) -> bool:
    with database.read() as connection:
        return database.engine.dialect.has_table(connection, "schema_migrations")

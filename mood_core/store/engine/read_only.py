"""Opens a database for a dry run, even if it does not exist yet."""

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
from mood_core.store.engine.tables import migrations_table


@contextmanager
def read_only(url: str, *, now: datetime) -> Iterator[Database]:
    """The database at ``url`` without changes; a temporary empty one if it does not exist.

    Raises:
        ConfigError: The address has another form.
        SchemaOutOfDate: The database has the schema of an older moodlog, so that it cannot be read without a change.
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
    """Whether ``url`` is a SQLite file that does not exist; opening it would create it."""
    if not url.startswith("sqlite"):
        return False
    file = make_url(url).database
    return bool(file) and file != ":memory:" and not Path(file or "").expanduser().exists()


def _is_made(database: Database) -> bool:
    with database.read() as connection:
        return migrations_table(connection) is not None

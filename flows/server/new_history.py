"""Creates the database of a new Prefect server, with Prefect's own migrations, in half the time.

Prefect migrates SQLite within its event loop, which changes threads 34 000 times for an empty database: most of the
time until a new server answers. Here the same migrations run in one thread, on a database in memory.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from mood_core.files.atomic import sweep_temporary, temporary_path

log = logging.getLogger(__name__)


def create_history(home: Path) -> None:
    """Create Prefect's database in ``home`` unless it exists, or the server uses another one.

    After an error it does not exist: the server then creates it as Prefect does.
    """
    path = home / "prefect.db"
    sweep_temporary(path)
    if path.exists():
        return
    temporary = temporary_path(path)
    try:
        with _migrated(path) as database, contextlib.closing(sqlite3.connect(temporary)) as copy:
            database.backup(copy)
        temporary.replace(path)
    except Exception as error:  # noqa: BLE001 - the migrations and their modules are Prefect's
        log.warning("Prefect creates its database itself: %s: %s", type(error).__name__, error)
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _migrated(path: Path) -> Iterator[sqlite3.Connection]:
    """A database in memory with the schema of the one at ``path``, as ``do_run_migrations`` of Prefect creates it.

    Raises:
        LookupError: The server's database is not at ``path``.
    """
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from prefect.server.database import provide_database_interface
    from prefect.server.database.alembic_commands import alembic_config

    prefect = provide_database_interface()
    if sa.make_url(prefect.database_config.connection_url).database != str(path):
        raise LookupError(f"its database is not {path}")
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    script.version_locations = [str(prefect.orm.versions_dir)]
    newest = EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs("head", revision))  # noqa: SLF001
    with sa.create_engine("sqlite://").connect() as connection, newest, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of indexes that SQLAlchemy cannot reflect, as for Prefect
        newest.configure(
            connection=connection,
            target_metadata=prefect.Base.metadata,
            include_schemas=True,
            render_as_batch=True,
            transaction_per_migration=True,
        )
        with newest.begin_transaction():
            newest.run_migrations()
        database = connection.connection.driver_connection
        assert isinstance(database, sqlite3.Connection)  # noqa: S101
        yield database

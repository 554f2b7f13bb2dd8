"""Stops a process whose database another process has migrated to the schema of a newer moodlog."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mood_core.errors import SchemaNewer
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import migration_names


def refuse_newer(connection: Connection) -> None:
    """Check the schema before rows are loaded. On PostgreSQL, migrations then wait for the end of the transaction.

    Raises:
        SchemaNewer: The database has a migration that this process does not know.
    """
    known = migration_names(connection.dialect.name)
    if connection.scalar(query("count_migrations")) > len(known) and (name := unknown_migration(connection)):
        raise SchemaNewer(newer_schema(name))


def unknown_migration(connection: Connection) -> str | None:
    """The first migration of the database that this process does not know; None if it knows all or cannot read them."""
    try:
        done = connection.execute(query("migrations")).scalars().all()
    except SQLAlchemyError:
        return None
    return next((name for name in done if name not in migration_names(connection.dialect.name)), None)


def newer_schema(name: str) -> str:
    """What to say if the database has the migration ``name``, which is not known here."""
    return (
        f"the database has the schema of a newer moodlog (migration {name}), so this process wrote nothing more;"
        " install that version on this machine and run this again"
    )

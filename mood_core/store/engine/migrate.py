"""Updates a database to the schema of this moodlog: each migration once, views whenever their files change.

A new database gets the tables of ``sql/schema`` at once, and all migrations count as applied. Everything happens in one
transaction, which both databases can roll back, and in one process at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import SchemaNewer, SchemaOutOfDate
from mood_core.store.engine.database import Database
from mood_core.store.engine.foreign import refuse_clashes, refuse_foreign
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.newer_schema import newer_schema
from mood_core.store.engine.sql_files import SqlFile, earlier_digests, sql_files
from mood_core.store.engine.tables import EARLIER_MIGRATIONS_TABLE, MIGRATIONS_TABLE, migrations_table
from mood_core.store.engine.view_comments import create_view, describe_tables, view_digest

_LOCK = 0x6D6F6F64  # "mood": the advisory lock of a migration on PostgreSQL

_VIEW = "view/"  # prefix of the names of views in the table of migrations


def migrate(database: Database, *, now: datetime, adopt: bool = False) -> list[str]:
    """Apply the missing migrations and return their names, oldest first. Idempotent.

    A database of another program is refused. With ``adopt``, moodlog's tables are added to it.

    Raises:
        ConfigError: The database belongs to another program; with ``adopt``, a table has the name of one of ours.
        SchemaOutOfDate: The database has migrations that this moodlog does not know, or one of them was changed.
        StoreError: The database cannot be reached or a migration fails; nothing is changed then.
    """
    (refuse_clashes if adopt else refuse_foreign)(database)
    if is_current(database):
        return []
    files = sql_files("migrations", database.dialect)
    with database.write() as connection:
        _lock(connection)
        if migrations_table(connection) == EARLIER_MIGRATIONS_TABLE:
            connection.execute(query("rename_migrations_table"))
        connection.execute(query("create_migrations_table"))
        if database.dialect == "postgresql":
            connection.execute(query("lock_migrations"))
        done = _applied(connection)
        _check(files, done)
        missing = [file for file in files if file.name not in done]
        # A new database needs no migrations, because the schema has what they lead to.
        with views_removed(connection, now=now):
            for file in missing if done else sql_files("schema", database.dialect) or missing:
                _run_script(connection, file)
        for file in missing:
            _record(connection, file.name, file.sha256, now)
    return [file.name for file in missing]


@contextmanager
def views_removed(connection: Connection, *, now: datetime) -> Iterator[None]:
    """Remove the views, whose tables change inside the context, and create them again with comments and grants."""
    dialect = connection.dialect.name
    views = sql_files("views", dialect)
    _drop_views(connection, list(_views_of(_applied(connection))))
    yield
    if views:
        connection.execute(query("delete_rows", table="_view_columns"))
    for view in views:
        create_view(connection, view)
        _record(connection, _VIEW + view.name, view_digest(view), now)
    describe_tables(connection, sql_files("schema", dialect))
    for grants in sql_files("roles", dialect):
        _run_script(connection, grants)


def is_current(database: Database) -> bool:
    """Whether all migrations and views are applied.

    Raises:
        SchemaOutOfDate: The database has migrations that this moodlog does not know, or one of them was changed.
    """
    files, views = sql_files("migrations", database.dialect), sql_files("views", database.dialect)
    with database.read() as connection:
        if migrations_table(connection) != MIGRATIONS_TABLE:
            return False
        done = _applied(connection)
    _check(files, done)
    return all(file.name in done for file in files) and _views_of(done) == {
        view.name: view_digest(view) for view in views
    }


def _lock(connection: Connection) -> None:
    # On SQLite the transaction itself is the lock, because it began IMMEDIATE.
    if connection.dialect.name == "postgresql":
        connection.execute(query("lock_transaction"), {"key": _LOCK})


def _applied(connection: Connection) -> dict[str, str]:
    return {row.name: row.sha256 for row in connection.execute(query("applied_migrations"))}


def _check(files: list[SqlFile], done: dict[str, str]) -> None:
    known = _digests(files)
    for name, digest in sorted(done.items()):
        if name.startswith(_VIEW):
            continue
        if name not in known:
            raise SchemaNewer(newer_schema(name))
        if digest != known[name] and digest not in earlier_digests(name):
            raise SchemaOutOfDate(f"migration {name} was changed after it was applied; restore the old file")


def _record(connection: Connection, name: str, digest: str, now: datetime) -> None:
    connection.execute(query("record_migration"), {"name": name, "sha256": digest, "at": to_ms(now)})


def _drop_views(connection: Connection, old: list[str]) -> None:
    # Only our own views, the last first. The database refuses it if a user's own view is based on one of them.
    for name in sorted(old, reverse=True):
        connection.execute(query("drop_view", view=name.partition("_")[2]))
    connection.execute(query("remove_view_records"))


def _run_script(connection: Connection, file: SqlFile) -> None:
    statements = [file.text] if connection.dialect.name == "postgresql" else _statements(file.text)
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _statements(script: str) -> Iterator[str]:
    """The statements of a SQLite script; SQLite itself finds the end of each."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in pending.splitlines()):
        yield pending


def _digests(files: list[SqlFile]) -> dict[str, str]:
    return {file.name: file.sha256 for file in files}


def _views_of(done: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix(_VIEW): digest for name, digest in done.items() if name.startswith(_VIEW)}

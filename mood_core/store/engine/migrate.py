"""Brings a database to this moodlog's schema: migrations once each, views whenever their files change.

All of it happens in one transaction, which both databases can roll back whole, and one process at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import SchemaOutOfDate
from mood_core.store.engine.database import Database
from mood_core.store.engine.foreign import refuse_clashes, refuse_foreign
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import SqlFile, earlier_digests, sql_files

_LOCK = 0x6D6F6F64  # "mood": the advisory lock that keeps two migrating processes apart on PostgreSQL

_VIEW = "view/"  # what stands before a view's name in the bookkeeping


def migrate(database: Database, *, now: datetime, adopt: bool = False) -> list[str]:
    """Apply what is missing and return the names of what was applied, oldest first. Does nothing the second time.

    A database of another program is refused. With ``adopt``, moodlog's tables are added to it.

    Raises:
        ConfigError: The database is another program's; with ``adopt``, a table of its has the name of one of ours.
        SchemaOutOfDate: The database has migrations that this moodlog does not know, or one of them was changed.
        StoreError: The database cannot be reached or a migration fails; nothing is changed then.
    """
    (refuse_clashes if adopt else refuse_foreign)(database)
    if is_current(database):
        return []
    files = sql_files("migrations", database.dialect)
    views = sql_files("views", database.dialect)
    with database.write() as connection:
        _lock(connection)
        connection.execute(query("create_migrations_table"))
        done = _applied(connection)
        _check(files, done)
        missing = [file for file in files if file.name not in done]
        # Views go first: a migration may change what they stand on.
        _drop_views(connection, list(_views_of(done)))
        for file in missing:
            _run_script(connection, file)
            _record(connection, file.name, file.sha256, now)
        for view in views:
            _run_script(connection, view)
            _record(connection, _VIEW + view.name, view.sha256, now)
        for grants in sql_files("roles", database.dialect):
            _run_script(connection, grants)
    return [file.name for file in missing]


def is_current(database: Database) -> bool:
    """Whether nothing is missing.

    Raises:
        SchemaOutOfDate: The database has migrations that this moodlog does not know, or one of them was changed.
    """
    files, views = sql_files("migrations", database.dialect), sql_files("views", database.dialect)
    with database.read() as connection:
        if not database.engine.dialect.has_table(connection, "schema_migrations"):
            return False
        done = _applied(connection)
    _check(files, done)
    return all(file.name in done for file in files) and _views_of(done) == _digests(views)


def _lock(connection: Connection) -> None:
    # On SQLite the transaction itself is the lock: it began IMMEDIATE.
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
            raise SchemaOutOfDate(f"the database was made by a newer moodlog (it has {name}); update moodlog")
        if digest != known[name] and digest not in earlier_digests(name):
            raise SchemaOutOfDate(f"migration {name} was changed after it was applied; restore the old file")


def _record(connection: Connection, name: str, digest: str, now: datetime) -> None:
    connection.execute(query("record_migration"), {"name": name, "sha256": digest, "at": to_ms(now)})


def _drop_views(connection: Connection, old: list[str]) -> None:
    # Only our own are dropped, the last first. A person's view that stands on one of them stops this, by the database.
    for name in sorted(old, reverse=True):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name.partition('_')[2]}")
    connection.execute(query("remove_view_records"))


def _run_script(connection: Connection, file: SqlFile) -> None:
    as_it_stands = {"no_parameters": True}
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(file.text, execution_options=as_it_stands)
        return
    for statement in _statements(file.text):
        connection.exec_driver_sql(statement, execution_options=as_it_stands)


def _statements(script: str) -> Iterator[str]:
    """The statements of a SQLite script; SQLite itself says where each is complete."""
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

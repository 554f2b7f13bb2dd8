"""Connections and transactions of SQLite and PostgreSQL.

SQLite uses WAL mode: readers never wait for a writer. A write transaction begins IMMEDIATE and waits up to a minute for
another one. A deferred transaction that reads and then writes would fail immediately, whatever the timeout.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mood_core.errors import ConfigError, SchemaNewer, StoreError
from mood_core.files.private import make_private_file, make_private_folder
from mood_core.store.engine.fences import check_fences
from mood_core.store.engine.named_queries import Query, query
from mood_core.store.engine.newer_schema import newer_schema, refuse_newer, unknown_migration
from mood_core.store.engine.sql_files import migration_names, sql_file
from mood_core.store.engine.translated import translated

_BUSY_TIMEOUT_S = 60
_WRITE = "moodlog_write"
_DURABLE = "moodlog_durable"
_LOADING = "moodlog_loading"
_POSTGRESQL = ("postgresql", "postgres")


_WRITERS: dict[str, threading.RLock] = {}
_WRITERS_LOCK = threading.Lock()


class Database:
    """One SQL database. Safe to share between threads; each transaction has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        migration_names(engine.dialect.name)  # read before an upgrade changes the files
        self._one_writer = _one_writer(engine)
        # Otherwise PostgreSQL shows each statement what was committed in the meantime.
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ") if self.file is None else engine
        self._writing = engine.execution_options(**{_WRITE: True})
        self._durable = engine.execution_options(**{_WRITE: True, _DURABLE: True})
        self._loading = engine.execution_options(**{_WRITE: True, _LOADING: True})
        self.writes = 0
        """The number of committed write transactions."""

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for PostgreSQL."""
        return Path(str(self.engine.url.database)) if self.dialect == "sqlite" else None

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back on any error.

        With ``durable``, the commit survives a power cut on SQLite too: for data that is not in the lake.

        Raises:
            StoreBusy: Another writer held the database for longer than a minute.
            LockLost: Another process has acquired an exclusive lock that this one held.
            StoreError: The database cannot be reached or refuses the data.
        """
        engine = self._durable if durable else self._writing
        with self._translated(), self._one_writer, engine.begin() as connection:
            check_fences(connection)
            yield connection
        self.writes += 1

    @contextmanager
    def load(self) -> Iterator[Connection]:
        """A transaction like :meth:`write` for rows whose keys were looked up in it. Raises like :meth:`write`.

        The database does not check the foreign keys again, which takes a third of the time of a large batch. No key can
        be deleted in the meantime: SQLite has no other writer, and on PostgreSQL people and keys are locked.

        Raises:
            SchemaNewer: Another process has migrated the database to the schema of a newer moodlog.
        """
        with self._translated(), self._one_writer, self._loading.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(query("set_loading"))
            refuse_newer(connection)
            check_fences(connection)
            yield connection
        self.writes += 1

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads one consistent snapshot.

        Raises:
            StoreError: The database cannot be reached.
        """
        with self._translated(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise errors of the driver as our own; one that a newer schema causes says so."""
        try:
            with translated(self):
                yield
        except StoreError as error:
            name = self._unknown_migration() if type(error) is StoreError else None
            if name is None:
                raise
            raise SchemaNewer(newer_schema(name)) from error

    def _unknown_migration(self) -> str | None:
        try:
            with self.engine.connect() as connection:
                return unknown_migration(connection)
        except SQLAlchemyError:
            return None

    def rows(self, statement: Query, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """All rows of one query. Raises like :meth:`read`."""
        with self.read() as connection:
            return connection.execute(statement, values).all()

    def scalars(self, statement: Query, values: Mapping[str, Any] | None = None) -> list[Any]:
        """The first column of all rows of one query. Raises like :meth:`read`."""
        return [row[0] for row in self.rows(statement, values)]

    def scalar(self, statement: Query, values: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row of one query; None without rows. Raises like :meth:`read`."""
        with self.read() as connection:
            return connection.scalar(statement, values)

    def run(
        self,
        statement: Query,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        durable: bool = False,
    ) -> int:
        """Run one statement in its own transaction; returns the number of changed rows. Raises like :meth:`write`."""
        with self.write(durable=durable) as connection:
            return connection.execute(statement, values).rowcount

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def __str__(self) -> str:
        url = self.engine.url
        return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def open_database(url: str) -> Database:
    """Open the database at ``url`` (``sqlite:///...`` or ``postgresql+psycopg://...``).

    A missing folder of a SQLite file is created. :func:`mood_core.store.engine.migrate.migrate` creates the tables.

    Raises:
        ConfigError: The address has another form.
    """
    parsed = _parsed(url, "MOODLOG_DATABASE_URL")
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return Database(_sqlite(parsed.database or ""))
    if kind in _POSTGRESQL:
        return Database(_postgresql(parsed))
    raise ConfigError(
        f"MOODLOG_DATABASE_URL names {kind}; moodlog writes to sqlite:///FILE or postgresql+psycopg://..."
    )


def postgresql_engine(url: str, setting: str, *, connect_timeout: int) -> Engine:
    """An engine of the PostgreSQL database at ``url`` (of ``setting``) that waits so many seconds for a connection.

    Raises:
        ConfigError: The address has another form.
    """
    parsed = _parsed(url, setting)
    if parsed.get_backend_name() not in _POSTGRESQL:
        raise ConfigError(f"{setting} names {parsed.get_backend_name()}; write postgresql+psycopg://...")
    return _postgresql(parsed, connect_args={"connect_timeout": connect_timeout})


def _parsed(url: str, setting: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"{setting} is not a database address: {_without_password(url)}") from error


def _engine(url: URL | str, **options: Any) -> Engine:
    """An engine whose logs and errors have no parameters of statements: those are people's listens and tokens."""
    return create_engine(url, hide_parameters=True, **options)


def _postgresql(url: URL, **options: Any) -> Engine:
    engine = _engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10, **options)
    event.listen(engine, "connect", _require_utf8, insert=True)  # before SQLAlchemy reads the server's version as text
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _require_utf8(connection: Any, _record: Any) -> None:
    """Refuse an encoding in which names would be stored wrong, or only some names could be."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        connection.close()
        raise ConfigError(
            f"the PostgreSQL database {name} has the encoding {encoding}, which cannot store every name; make one by"
            " `createdb --encoding=UTF8 --template=template0 NAME` and set MOODLOG_DATABASE_URL to it"
        )


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.execute(sql_file("settings", "connection.postgresql").text)
    connection.commit()


def _sqlite(file: str) -> Engine:
    if not file or file == ":memory:":
        raise ConfigError("MOODLOG_DATABASE_URL names no file: write sqlite:////absolute/path/moodlog.db")
    path = Path(file).expanduser()
    try:
        make_private_folder(path.parent)
        make_private_file(path)  # SQLite gives -wal and -shm the mode of this file
    except OSError as error:
        raise ConfigError(f"the database {path} cannot be made: {error.strerror}") from error
    engine = _engine(f"sqlite+pysqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transactions commit before DDL and begin deferred; _begin_sqlite replaces them.
    connection.isolation_level = None
    connection.executescript(sql_file("settings", "connection.sqlite").text)
    _ensure_square_root(connection)


def _ensure_square_root(connection: Any) -> None:
    """Add ``sqrt``, which the views use, if SQLite was built without its mathematical functions."""
    try:
        connection.execute(query("has_square_root").text).fetchone()
    except sqlite3.OperationalError:
        connection.create_function("sqrt", 1, _square_root, deterministic=True)


def _square_root(value: float | None) -> float | None:
    return None if value is None or value < 0 else math.sqrt(value)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(_WRITE):
        connection.exec_driver_sql(query("begin_transaction").text)
        return
    # Transactions that a power cut takes are lost with their ledger rows; the lake restores them.
    wanted = {"commits": "commit_to_disk" if options.get(_DURABLE) else "commit_quickly"}
    wanted["keys"] = "trust_foreign_keys" if options.get(_LOADING) else "check_foreign_keys"
    for setting, statement in wanted.items():
        # A pull writes after each call, so unchanged settings are not repeated.
        if connection.info.get(setting) != statement:
            connection.exec_driver_sql(query(statement).text)
            connection.info[setting] = statement
    connection.exec_driver_sql(query("begin_transaction", "immediate").text)


def _one_writer(engine: Engine) -> AbstractContextManager[object]:
    """A lock for the writers of this process.

    SQLite allows one writer at a time, and the others sleep between attempts; this lock wakes the next one at once.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext()
    with _WRITERS_LOCK:
        return _WRITERS.setdefault(str(engine.url.database), threading.RLock())


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}"

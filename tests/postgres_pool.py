"""Migrated, empty PostgreSQL databases that test after test uses: emptying one costs a tenth of making a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import make_url

# What a change of the schema changes: each table's number of rows and newest transaction, without temporary tables.
_CATALOGUES = {
    "pg_namespace": "nspname !~ 'temp'",
    "pg_class": "relpersistence <> 't'",
    "pg_attribute": "attrelid NOT IN (SELECT oid FROM pg_class WHERE relpersistence = 't')",
    "pg_constraint": "connamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ 'temp')",
    "pg_rewrite": "true",
    "pg_trigger": "true",
    "pg_proc": "true",
    "pg_description": "true",
    "pg_default_acl": "true",
    "pg_extension": "true",
    "pg_db_role_setting": "true",
}
_SCHEMA = " UNION ALL ".join(
    f"SELECT '{name}', count(*), max(xmin::text::bigint) FROM {name} WHERE {condition}"  # noqa: S608 - own names
    for name, condition in _CATALOGUES.items()
)
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
# A table with partitions has its rows in these.
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
_SEQUENCES = "SELECT schemaname || '.' || sequencename, start_value, last_value FROM pg_sequences ORDER BY 1"


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a database holds when it is new."""

    schema: list[tuple[object, ...]]
    rows: dict[str, bytes]
    sequences: list[tuple[str, int, int | None]]


@dataclass(slots=True)
class PostgresPool:
    """Databases that ``create`` makes and drops; a test gets one that is as new, alone for itself."""

    create: Callable[[], AbstractContextManager[str]]
    _free: list[tuple[str, _Contents]] = field(default_factory=list)
    _created: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a migrated, empty database."""
        url, new = self._free.pop() if self._free else self._new()
        try:
            yield url
        finally:
            if _empty(url, new):
                self._free.append((url, new))

    def close(self) -> None:
        """Drop the databases."""
        self._created.close()

    def _new(self) -> tuple[str, _Contents]:
        url = self._created.enter_context(self.create())
        with _connect(url) as connection:
            return url, _contents(connection)


def _empty(url: str, new: _Contents) -> bool:
    """Make the rows and sequences ``new`` again; False where the test has changed the schema."""
    with _connect(url) as connection:
        connection.execute(_OTHERS)
        # Triggers and foreign keys are none of this transaction's business.
        connection.execute("SET LOCAL session_replication_role = replica")
        if connection.execute(_SCHEMA).fetchall() != new.schema:
            return False
        for table, rows in new.rows.items():
            if _rows(connection, table) != rows:
                _replace(connection, table, rows)
        for name, first, last in new.sequences:
            connection.execute("SELECT setval(%s, %s, %s)", (name, last or first, last is not None))
    return True


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address)


def _contents(connection: psycopg.Connection[tuple[object, ...]]) -> _Contents:
    tables = [str(name) for (name,) in connection.execute(_TABLES)]
    return _Contents(
        connection.execute(_SCHEMA).fetchall(),
        {table: _rows(connection, table) for table in tables},
        connection.execute(_SEQUENCES).fetchall(),  # type: ignore[arg-type]
    )


def _rows(connection: psycopg.Connection[tuple[object, ...]], table: str) -> bytes:
    with connection.cursor().copy(f"COPY public.{table} TO STDOUT") as copied:
        return b"".join(copied)


def _replace(connection: psycopg.Connection[tuple[object, ...]], table: str, rows: bytes) -> None:
    connection.execute(f"DELETE FROM public.{table}")  # noqa: S608 - a name from the catalogue
    with connection.cursor().copy(f"COPY public.{table} FROM STDIN") as copied:
        copied.write(rows)

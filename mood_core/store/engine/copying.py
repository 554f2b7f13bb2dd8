"""Copies every row of one moodlog database into another one, between SQLite and PostgreSQL, keys included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import REAL, Connection, inspect, text

from mood_core.store.engine.named_queries import query
from mood_core.store.loading.daily import recount_everything
from mood_core.store.loading.totals import recount_totals

_OF_EACH_DATABASE = ("schema_migrations", "database_moves")
_ROWS = 20_000


def copy_rows(source: Connection, target: Connection, progress: Callable[[int, int], None] = lambda *_: None) -> None:
    """Replace every row of ``target`` by those of ``source``.

    Both are in a write transaction, and have the same migrations. Leases stay behind: their holders work on the source.
    """
    theirs, ours = tables(source), tables(target)
    common = {
        table: [name for name in columns if name in ours[table]] for table, columns in theirs.items() if table in ours
    }
    for table in reversed(common):
        delete_rows(target, table)
    for done, (table, columns) in enumerate(common.items()):
        progress(done, len(common))
        _write(target, table, columns, _rows(source, table, columns, theirs[table]))
    target.execute(query("drop_leases"))
    _continue_keys(target, common)
    recount_everything(target)
    recount_totals(target)


def row_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {table: count_rows(connection, table) for table in tables(connection)}


def tables(connection: Connection) -> dict[str, dict[str, object]]:
    """The columns of each table with their types, those tables first that others refer to."""
    inspector = inspect(connection)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name]
    columns = inspector.get_multi_columns()
    return {
        name: {column["name"]: column["type"] for column in columns[None, name]}
        for name in names
        if name not in _OF_EACH_DATABASE
    }


def _rows(
    connection: Connection, table: str, columns: Sequence[str], types: Mapping[str, object]
) -> Iterator[list[tuple[Any, ...]]]:
    # PostgreSQL writes a four-byte number by its shortest digits, which are another eight-byte number.
    is_short = connection.dialect.name == "postgresql"
    wanted = [
        f"CAST({name} AS DOUBLE PRECISION)" if is_short and isinstance(types[name], REAL) else name for name in columns
    ]
    query = f"SELECT {', '.join(wanted)} FROM {table}"  # noqa: S608
    result = connection.exec_driver_sql(query, execution_options={"stream_results": True})
    while rows := result.fetchmany(_ROWS):
        yield [tuple(row) for row in rows]


def _write(connection: Connection, table: str, columns: Sequence[str], parts: Iterator[list[tuple[Any, ...]]]) -> None:
    names = ", ".join(columns)
    for rows in parts:
        if connection.dialect.name == "sqlite":
            places = ", ".join("?" * len(columns))
            connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608
            continue
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _continue_keys(connection: Connection, copied: Collection[str]) -> None:
    """Let PostgreSQL give new keys after those that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for name, column in connection.execute(query("identity_columns")).all():
        if name in copied:
            last = f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), max({column})) FROM {name}"  # noqa: S608
            connection.execute(text(last))


def count_rows(connection: Connection, table: str) -> int:
    """How many rows ``table`` has."""
    return connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608


def delete_rows(connection: Connection, table: str) -> None:
    """Delete every row of ``table``."""
    connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608

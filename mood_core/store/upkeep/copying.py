"""Copies all rows of a moodlog database to another one, keys included; also from SQLite to PostgreSQL and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import REAL, Connection

from mood_core.store.engine.named_queries import query
from mood_core.store.engine.statistics import update_statistics
from mood_core.store.engine.tables import tables
from mood_core.store.loading.counted import count_people
from mood_core.store.loading.daily import recount_everything
from mood_core.store.loading.totals import recount_totals

_ROWS = 20_000


def copy_rows(source: Connection, target: Connection, progress: Callable[[int, int], None] = lambda *_: None) -> None:
    """Replace all rows of ``target`` by those of ``source``.

    Both are in a write transaction, and have the same migrations. Leases are not copied, because their owners work on
    ``source``.
    """
    theirs, ours = tables(source), tables(target)
    common = {
        table: [name for name in columns if name in ours[table]] for table, columns in theirs.items() if table in ours
    }
    for table in reversed(common):
        target.execute(query("delete_rows", table=table))
    for done, (table, columns) in enumerate(common.items()):
        progress(done, len(common))
        _write(target, table, columns, _rows(source, table, columns, theirs[table]))
    target.execute(query("drop_leases"))
    _continue_keys(target, common)
    recount_everything(target)
    recount_totals(target)
    count_people(target)
    if target.dialect.name == "postgresql":  # a view could read for hours before autovacuum looks at the tables
        update_statistics(target, list(ours))


def row_counts(connection: Connection) -> dict[str, int]:
    """The number of rows of each table."""
    return {table: connection.scalar(query("count_rows", table=table)) for table in tables(connection)}


def _rows(
    connection: Connection, table: str, columns: Sequence[str], types: Mapping[str, object]
) -> Iterator[list[tuple[Any, ...]]]:
    # PostgreSQL formats a four-byte number with its shortest digits, which are another eight-byte number.
    is_short = connection.dialect.name == "postgresql"
    wanted = [
        f"CAST({name} AS DOUBLE PRECISION)" if is_short and isinstance(types[name], REAL) else name for name in columns
    ]
    statement = query("all_rows", columns=", ".join(wanted), table=table)
    result = connection.execute(statement, execution_options={"stream_results": True})
    while rows := result.fetchmany(_ROWS):
        yield [tuple(row) for row in rows]


def _write(connection: Connection, table: str, columns: Sequence[str], parts: Iterator[list[tuple[Any, ...]]]) -> None:
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    for rows in parts:
        if connection.dialect.name == "sqlite":
            insert = query("insert_row", table=table, columns=names, values=places)
            connection.exec_driver_sql(insert.text, rows)
            continue
        cursor = connection.connection.cursor()
        with cursor.copy(query("copy_rows", table=table, columns=names).text) as copy:
            for row in rows:
                copy.write_row(row)


def _continue_keys(connection: Connection, copied: Collection[str]) -> None:
    """Make PostgreSQL generate new keys after the copied ones."""
    if connection.dialect.name != "postgresql":
        return
    for name, column in connection.execute(query("identity_columns")).all():
        if name in copied:
            connection.execute(query("continue_keys", table=name, column=column))

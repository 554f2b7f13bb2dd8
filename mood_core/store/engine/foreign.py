"""Finds out whether a database belongs to another program. moodlog needs a new database, or an explicit permission."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mood_core.errors import ConfigError, StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_files
from mood_core.store.engine.tables import (
    EARLIER_MIGRATIONS_TABLE,
    MIGRATIONS_COLUMNS,
    MIGRATIONS_TABLE,
    migrations_table,
)

_NAMED = 3
_WAIT_S = 60.0
_CREATES = re.compile(r"^CREATE (?:TABLE|VIEW) (\w+)", re.MULTILINE | re.IGNORECASE)


def refuse_foreign(database: Database) -> None:
    """Accept ``database`` if it has no tables, or has moodlog's tables. It is only read.

    Raises:
        ConfigError: It has tables of another program and none of moodlog's.
        StoreError: It cannot be read.
    """
    tables = foreign_tables(database)
    if tables:
        raise ConfigError(
            f"the database {database} has tables of something else ({_some(tables)}) and none of moodlog's; nothing "
            "was changed. Set MOODLOG_DATABASE_URL to a database for moodlog alone, or run `moodlog setup --database` "
            "to add moodlog's tables to this one"
        )


def refuse_clashes(database: Database) -> None:
    """Accept a database of another program if none of its tables has the name of one of moodlog's.

    Raises:
        ConfigError: A table has such a name.
        StoreError: It cannot be read.
    """
    files = [*sql_files("schema", database.dialect), *sql_files("views", database.dialect)]
    ours = {MIGRATIONS_TABLE, *(name.lower() for file in files for name in _CREATES.findall(file.text))}
    clashes = [table for table in foreign_tables(database) if table.lower() in ours]
    if clashes:
        raise ConfigError(
            f"moodlog's tables cannot be added to {database}: it has a table of the same name ({_some(clashes)}). Use "
            "another database, or on PostgreSQL another schema (?options=-csearch_path%3Dmoodlog)"
        )


def foreign_tables(database: Database) -> list[str]:
    """The tables of a database without moodlog's tables; empty if it has them.

    Raises:
        StoreError: It cannot be read.
    """
    if database.file is not None:
        return _of_sqlite(database.file)
    with database.read() as connection:
        if migrations_table(connection):
            return []
        return list(connection.scalars(query("foreign_tables")))


def _of_sqlite(file: Path) -> list[str]:
    """Uses a separate connection, because the engine would change the file's journal mode."""
    if not file.is_file() or file.stat().st_size == 0:
        return []
    try:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as connection:
            for table in (MIGRATIONS_TABLE, EARLIER_MIGRATIONS_TABLE):
                columns = connection.execute(query("sqlite_columns").text, {"table": table})
                if {name for name, _ in columns} >= MIGRATIONS_COLUMNS:
                    return []
            return [name for (name,) in connection.execute(query("sqlite_tables").text)]
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreBusy(f"another program is writing to {file}; try again in a minute") from error
        return []  # the next connection reports the error
    except sqlite3.DatabaseError:
        return []


def _some(tables: Sequence[str]) -> str:
    more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
    return ", ".join(tables[:_NAMED]) + more

"""The tables of a database: their columns, and which of them are about people or hold the migrations."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from mood_core.store.engine.partitions import partition_names

MIGRATIONS_TABLE = "_schema_migrations"
EARLIER_MIGRATIONS_TABLE = "schema_migrations"
MIGRATIONS_COLUMNS = frozenset({"name", "sha256", "applied_at_ms"})
_OF_EACH_DATABASE = (MIGRATIONS_TABLE, "_database_moves")


def tables(connection: Connection) -> dict[str, dict[str, object]]:
    """The columns of each table with their types; tables that others refer to come first."""
    inspector = inspect(connection)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name]
    columns = inspector.get_multi_columns()
    left_out = partition_names(connection).union(_OF_EACH_DATABASE)
    return {
        name: {column["name"]: column["type"] for column in columns[None, name]}
        for name in names
        if name not in left_out
    }


def migrations_table(connection: Connection) -> str | None:
    """The table of applied migrations, which earlier versions gave another name; None without moodlog's tables."""
    inspector = inspect(connection)
    for table in (MIGRATIONS_TABLE, EARLIER_MIGRATIONS_TABLE):
        columns = inspector.get_columns(table) if inspector.has_table(table) else []
        if {column["name"] for column in columns} >= MIGRATIONS_COLUMNS:
            return table
    return None


def tables_about_people(connection: Connection) -> list[str]:
    """The tables with a column ``user_key``, in alphabetical order, so that no table added later is left out."""
    columns, parts = inspect(connection).get_multi_columns(), partition_names(connection)
    with_people = {table for (_, table), found in columns.items() if "user_key" in {each["name"] for each in found}}
    return sorted(with_people - parts)

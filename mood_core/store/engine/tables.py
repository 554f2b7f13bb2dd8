"""The tables of a database: their columns, and which of them are about people."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

_OF_EACH_DATABASE = ("schema_migrations", "database_moves")


def tables(connection: Connection) -> dict[str, dict[str, object]]:
    """The columns of each table with their types; tables that others refer to come first."""
    inspector = inspect(connection)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name]
    columns = inspector.get_multi_columns()
    return {
        name: {column["name"]: column["type"] for column in columns[None, name]}
        for name in names
        if name not in _OF_EACH_DATABASE
    }


def tables_about_people(connection: Connection) -> list[str]:
    """The tables with a column ``user_key``, in alphabetical order, so that no table added later is left out."""
    columns = inspect(connection).get_multi_columns()
    return sorted(table for (_, table), found in columns.items() if "user_key" in {each["name"] for each in found})

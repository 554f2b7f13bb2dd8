"""Keeps the statistics with which PostgreSQL plans its queries; those of SQLite are fixed by a migration."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query


def refresh_statistics(connection: Connection) -> None:
    """Let PostgreSQL look at tables again to which many rows came: autovacuum does so only minutes later."""
    if connection.dialect.name == "postgresql":
        update_statistics(connection, list(connection.scalars(query("tables_with_old_statistics"))))


def update_statistics(connection: Connection, tables: Sequence[str]) -> None:
    """Let PostgreSQL look at ``tables`` again, quoted names."""
    if tables:
        statement = query("update_statistics", tables=", ".join(tables)).text
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

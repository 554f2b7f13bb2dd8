"""Keeps the statistics with which PostgreSQL plans its queries; those of SQLite are fixed by a migration."""

from __future__ import annotations

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query


def refresh_statistics(connection: Connection) -> None:
    """Let PostgreSQL look at its tables again if many rows came: autovacuum does so only minutes later."""
    if connection.dialect.name == "postgresql" and connection.scalar(query("are_statistics_old")):
        connection.execute(query("update_statistics"))

"""Partitions of PostgreSQL: ``listens`` and ``_mood_days`` can be divided by a hash of the person.

The database itself stores whether they are and into how many parts. Every statement names the whole table, so nothing
else depends on it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mood_core.store.engine.named_queries import query

PARTITIONED = ("listens", "_mood_days")
"""The tables that can have partitions."""


def partition_names(connection: Connection) -> set[str]:
    """The names of the partitions, which are tables to PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return set()
    return set(connection.scalars(query("partitions")))


def count_partitions(connection: Connection) -> int:
    """The number of partitions of ``listens``: 1 for one table, as on SQLite."""
    if connection.dialect.name != "postgresql":
        return 1
    return connection.scalar(query("count_partitions"), {"table": PARTITIONED[0]}) or 1

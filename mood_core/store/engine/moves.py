"""Marks of a moved database and of the unfinished target of a move, so that only one of the two is in use."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import ConfigError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


def refuse_moved(database: Database) -> None:
    """Accept ``database`` if it is the one in use.

    Raises:
        ConfigError: It was moved to another database, or a move into it has not finished.
        StoreError: It cannot be read.
    """
    with database.read() as connection:
        marks = {row.direction: row for row in connection.execute(query("move_marks"))}
    if "from" in marks:
        raise ConfigError(
            f"the move of {marks['from'].other} into {database} has not finished; run `moodlog move` again"
        )
    if "to" in marks:
        raise ConfigError(
            f"{database} was moved to {marks['to'].other} and is not in use; set MOODLOG_DATABASE_URL to that one"
        )


def mark(connection: Connection, direction: str, other: Database, now: datetime) -> None:
    """Mark this database as moved ``to`` the ``other``, or as the unfinished target of a move ``from`` it."""
    connection.execute(query("remove_move_marks"))
    values = {"direction": direction, "other": str(other), "at": to_ms(now)}
    connection.execute(query("mark_move"), values)


def unmark(connection: Connection) -> None:
    """Remove the marks, because this database is in use."""
    connection.execute(query("remove_move_marks"))


def marked(connection: Connection, direction: str) -> str | None:
    """The other database of the mark ``direction``; None without such a mark."""
    other: str | None = connection.scalar(query("move_mark"), {"direction": direction})
    return other

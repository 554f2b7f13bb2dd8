"""Marks of a database that was moved, or into which another is being moved: only one of the two is in use."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.records import to_ms
from mood_core.errors import ConfigError
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


def refuse_moved(database: Database) -> None:
    """Let ``database`` pass if it is the one in use.

    Raises:
        ConfigError: It was moved to another one, or a move into it has not finished.
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
    """Mark that this database goes ``to`` the ``other``, or that the ``other`` is being moved into it (``from``)."""
    connection.execute(query("remove_move_marks"))
    values = {"direction": direction, "other": str(other), "at": to_ms(now)}
    connection.execute(query("mark_move"), values)


def unmark(connection: Connection) -> None:
    """Remove the marks: this database is in use."""
    connection.execute(query("remove_move_marks"))


def marked(connection: Connection, direction: str) -> str | None:
    """The other database of the mark ``direction``; None where there is no such mark."""
    other: str | None = connection.scalar(query("move_mark"), {"direction": direction})
    return other

"""What others have added to moodlog's tables on PostgreSQL, before the tables are replaced by new ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mood_core.errors import ConfigError
from mood_core.store.engine.named_queries import query


def check_dependents(connection: Connection, tables: Sequence[str], command: str) -> None:
    """Check that nothing depends on ``tables`` or the views that ``command`` could not give the new ones.

    Raises:
        ConfigError: Such as a view, a function, a policy or a column of others; its name is in the message.
    """
    others = list(connection.scalars(query("dependents_of_tables"), _with_views(connection, tables)))
    if others:
        raise ConfigError(
            f"{', '.join(others)}: depends on moodlog's tables, which `{command}` replaces; drop what is named, run it"
            " again, and create the named again"
        )


def grants(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Statements that give the new tables, and the views, the grants that the present ones have."""
    return list(connection.scalars(query("grants_to_keep"), _with_views(connection, tables)))


def _with_views(connection: Connection, tables: Sequence[str]) -> dict[str, list[str]]:
    return {"tables": [*tables, *connection.scalars(query("names_of_views"))]}

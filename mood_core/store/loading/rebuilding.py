"""Empties the tables that the lake can fill again, and keeps what it cannot: accounts, tokens, the current model."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect, text

from mood_core.store.engine.copying import delete_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.daily import recount_everything
from mood_core.store.loading.key_cache import invalidate_keys
from mood_core.store.loading.keys import keys_of
from mood_core.store.loading.totals import recount_totals

_FILLED_BY_THE_LAKE = (
    # Children before what they refer to.
    "mood_days",
    "listen_totals",
    "covered_listens",
    "heard_tracks",
    "waiting_listens",
    "moods",
    "feature_misses",
    "audio_features",
    "gaps",
    "named_plays",
    "listens",
    "batches",
)
_REFERRED_TO = ("users", "tracks", "sources")  # models stay: they know their weights and which one is shown
Kept = dict[str, list[dict[str, Any]]]
"""What stands in SQL alone: by table, its rows with the text id of the person beside the key."""


def keep_rows(connection: Connection) -> Kept:
    """Read what the lake does not hold, then empty every table that it fills. Other writers wait for the end."""
    invalidate_keys(
        connection
    )  # first, as loads do: whoever took the tables before it would wait for a load that waits for them
    if connection.dialect.name == "postgresql":  # on SQLite the transaction has begun IMMEDIATE
        connection.execute(query("lock_batches"))
    rows = kept_rows(connection)
    present = set(inspect(connection).get_table_names())
    for table in (table for table in (*_FILLED_BY_THE_LAKE, *rows, *_REFERRED_TO) if table in present):
        delete_rows(connection, table)
    return rows


def kept_rows(connection: Connection) -> Kept:
    """What stands in SQL alone."""
    rows = {}
    for table in _personal_tables(connection):
        query = f"SELECT o.*, u.user_id FROM {table} AS o INNER JOIN users AS u ON u.user_key = o.user_key"  # noqa: S608
        rows[table] = [dict(row) for row in connection.execute(text(query)).mappings()]
    return rows


def restore_rows(connection: Connection, kept: Kept) -> None:
    """Write what was set aside, show the model that was shown (or the newest), and count all days."""
    write_kept(connection, kept)
    if connection.scalar(query("has_current_labels")) is None:
        connection.execute(query("hide_labels"))
        connection.execute(query("show_newest_labels"))
    recount_everything(connection)
    recount_totals(connection)
    connection.execute(text("ANALYZE"))


def write_kept(connection: Connection, kept: Kept) -> None:
    """Write what :func:`kept_rows` read, here or in another database."""
    for table, rows in kept.items():
        keys = keys_of(connection, "users", sorted({row["user_id"] for row in rows}), create=True)
        for row in rows:
            values = {name: value for name, value in row.items() if name != "user_id"}
            values["user_key"] = keys[row["user_id"]]
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)  # noqa: S608


def _personal_tables(connection: Connection) -> list[str]:
    """Tables about people that the lake does not fill: the accounts, and whatever later versions add."""
    inspector = inspect(connection)
    return [
        table
        for table in sorted(inspector.get_table_names())
        if table not in (*_FILLED_BY_THE_LAKE, *_REFERRED_TO)
        and any(column["name"] == "user_key" for column in inspector.get_columns(table))
    ]

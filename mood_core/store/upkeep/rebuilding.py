"""Empties the tables that the lake can fill, and keeps what it cannot: accounts, tokens, the current model.

A rebuild on PostgreSQL makes new tables instead: see :mod:`mood_core.store.upkeep.second_schema`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect

from mood_core.store.engine.named_queries import query
from mood_core.store.engine.statistics import refresh_statistics
from mood_core.store.engine.tables import tables_about_people
from mood_core.store.loading.counted import COUNTED, count_people
from mood_core.store.loading.daily import recount_everything
from mood_core.store.loading.key_cache import invalidate_keys
from mood_core.store.loading.keys import keys_of
from mood_core.store.loading.queues import refill_feature_queue
from mood_core.store.loading.totals import recount_totals
from mood_core.store.loading.whole_histories import show_labels

FILLED_BY_THE_LAKE = (
    # Children before what they refer to.
    "_mood_days",
    *COUNTED,
    "_listen_totals",
    "_covered_listens",
    "_heard_tracks",
    "_waiting_listens",
    "_feature_queue",
    "_replaced_codes",
    "_label_queue",
    "person_labels",
    "mood_answers",
    "mood_heads",
    "moods",
    "feature_misses",
    "audio_features",
    "estimated_features",
    "gaps",
    "named_plays",
    "resolutions",
    "listens",
    "artist_credits",
    "track_names",
    "_batches",
)
# Models stay: their weights and which is current are not in the lake.
REFERRED_TO = ("users", "tracks", "sources", "end_reasons")
Kept = dict[str, list[dict[str, Any]]]
"""What is in SQL alone: by table, its rows with the id of the person beside the key."""


def keep_rows(connection: Connection) -> Kept:
    """Read what the lake does not have, then empty every table that it fills. Other writers wait for the end."""
    invalidate_keys(connection)
    rows = kept_rows(connection)
    present = set(inspect(connection).get_table_names())
    for table in (table for table in (*FILLED_BY_THE_LAKE, *rows, *REFERRED_TO) if table in present):
        connection.execute(query("delete_rows", table=table))
    return rows


def kept_rows(connection: Connection) -> Kept:
    """The rows of people that the lake does not have: accounts, and tables that later versions add."""
    tables = [table for table in tables_about_people(connection) if table not in (*FILLED_BY_THE_LAKE, *REFERRED_TO)]
    return {
        table: [dict(row) for row in connection.execute(query("rows_with_person", table=table)).mappings()]
        for table in tables
    }


def restore_rows(connection: Connection, kept: Kept) -> None:
    """Write the kept rows, and count everything."""
    write_kept(connection, kept)
    count_days(connection)
    count_people(connection)
    refresh_statistics(connection)


def count_days(connection: Connection) -> None:
    """Show the labels of the current model (or else of the newest), and count all days, totals and queues."""
    show_labels(connection)
    recount_everything(connection)
    refill_feature_queue(connection)
    recount_totals(connection)


def write_kept(connection: Connection, kept: Kept) -> None:
    """Write the rows that :func:`kept_rows` has read from this or another database.

    The other one may be of an earlier version, in which inner tables have no leading underscore; what has no place in
    this database is left out.
    """
    columns = inspect(connection).get_multi_columns()
    present = {name: {each["name"] for each in found} for (_, name), found in columns.items()}
    for name, rows in kept.items():
        table = name if name in present else f"_{name}"
        if table not in present or table in FILLED_BY_THE_LAKE:
            continue
        keys = keys_of(connection, "users", sorted({row["user_id"] for row in rows}), create=True)
        for row in rows:
            values = {column: value for column, value in row.items() if column in present[table]}
            values["user_key"] = keys[row["user_id"]]
            places = ", ".join(f":{column}" for column in values)
            connection.execute(query("insert_row", table=table, columns=", ".join(values), values=places), values)

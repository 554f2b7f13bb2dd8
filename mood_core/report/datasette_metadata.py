"""Metadata for Datasette: the meaning of each view, and example queries."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sqlalchemy import inspect

from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.view_comments import is_inner, view_meanings

QUERIES = {
    "moods-by-month": ("Listens by month and mood", "datasette_moods_by_month"),
    "longest-streaks": ("Longest runs of days led by one mood", "datasette_longest_streaks"),
    "what-follows-what": ("How often one mood follows another within half an hour", "datasette_what_follows_what"),
    "top-tracks": ("A person's most played tracks of a mood: Calm, Energetic, Happy or Sad", "datasette_top_tracks"),
    "top-artists": ("A person's most played artists of a mood, one row each", "datasette_top_artists"),
    "longest-sessions": ("A person's longest sessions, with at most 30 minutes between listens", "datasette_sessions"),
    "expected-shares": (
        "A person's expected share of a mood by day, with 90% intervals",
        "datasette_expected_shares",
    ),
}
"""Canned queries by name: the title and the name of the statement. They read only views."""

_ADVICE = "Each view describes its columns. The tables behind the views are hidden, and accounts cannot be read here."


def datasette_metadata(database_name: str, database: Database) -> dict[str, Any]:
    """The metadata for ``database``, which Datasette calls ``database_name``. Accounts and their tokens are refused.

    Raises:
        StoreError: The database cannot be read.
    """
    views = {
        # No column can be clicked to sort: only a person's listens are stored in an order.
        name: {"description": view.comment, "columns": view.columns, "sortable_columns": []}
        for name, view in view_meanings(database).items()
    }
    with database.read() as connection:
        tables = sorted(inspect(connection).get_table_names())
        inner_views = sorted(filter(is_inner, inspect(connection).get_view_names()))
    hidden = {name: {"hidden": True} for name in tables}
    refused = {name: {"hidden": True, "allow": False} for name in ("_accounts", *inner_views)}
    return {
        "title": "moodlog",
        "description_html": _welcome(quote(database_name), database.scalar(query("most_heard_person"))),
        "databases": {
            database_name: {
                "description": f"Start with a query, or with mood_history: every listen with its mood. {_ADVICE}",
                "queries": {name: {"title": title, "sql": query(sql).text} for name, (title, sql) in QUERIES.items()},
                "tables": hidden | views | refused,
                # Free SQL could read the accounts.
                "allow_sql": False,
            }
        },
    }


def _welcome(folder: str, user_id: str | None) -> str:
    links = [("mood_history", "every listen with its mood"), *((name, title) for name, (title, _) in QUERIES.items())]
    named = [name for name, (_, sql) in QUERIES.items() if ":user_id" in query(sql).text]
    person = dict.fromkeys(named, f"?user_id={quote(user_id or '')}")
    items = "".join(f'<li><a href="{folder}/{name}{person.get(name, "")}">{words}</a></li>' for name, words in links)
    return f"<p>Listens and their moods. Start with:</p><ul>{items}</ul><p>{_ADVICE}</p>"

"""What Datasette is told about the database: titles, facets, and questions people ask."""

from __future__ import annotations

from typing import Any

QUERIES = {
    "moods-by-month": (
        "Listens by month and mood",
        "SELECT substr(day, 1, 7) AS month, mood, sum(listens) AS listens FROM mood_daily"
        " WHERE display_name = :person OR :person = '' GROUP BY month, mood ORDER BY month, mood",
    ),
    "longest-streaks": (
        "Longest runs of days led by one mood",
        "SELECT display_name, mood, first_day, last_day, days, listens FROM mood_streaks"
        " ORDER BY days DESC, first_day LIMIT 50",
    ),
    "what-follows-what": (
        "How often one mood follows another within half an hour",
        "SELECT display_name, from_mood, to_mood, transitions, share FROM mood_transitions"
        " ORDER BY display_name, from_mood, to_mood",
    ),
    "top-tracks": (
        "The most heard tracks of a mood",
        "SELECT display_name, mood, place, track, artists, listens FROM top_tracks_by_mood"
        " WHERE mood = :mood AND place <= 20 ORDER BY display_name, place",
    ),
}
"""Canned queries by name: the title and the SQL, over views alone."""


def datasette_metadata(database_name: str) -> dict[str, Any]:
    """The metadata for a database that Datasette calls ``database_name``. Accounts and their tokens are refused."""
    return {
        "title": "moodlog",
        "databases": {
            database_name: {
                "queries": {name: {"title": title, "sql": sql} for name, (title, sql) in QUERIES.items()},
                "tables": {
                    "accounts": {"allow": False},
                    "mood_history": {"facets": ["mood", "display_name"], "sortable_columns": ["played_at"]},
                    "mood_daily": {"facets": ["mood", "display_name"]},
                    "mood_weekly": {"facets": ["mood", "display_name"]},
                },
                # Free SQL could read the table that is refused above.
                "allow_sql": False,
            }
        },
    }

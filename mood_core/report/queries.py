"""The queries of the mood page: the statements ``page_...`` of ``sql/queries/report.sql``.

Their parameters ``:user``, ``:first`` and ``:last`` are the person's id and the first and last local day, inclusive.
"""

from __future__ import annotations

from types import MappingProxyType

from sqlalchemy import TextClause, text

from mood_core.store.engine.named_queries import query

VIEWS = MappingProxyType(
    {
        "totals": "mood_history",
        "days": "mood_daily",
        "minutes": "mood_history with tracks",
        "shares": "mood_history",
        "months": "mood_monthly",
        "hours": "mood_history",
        "map": "mood_history with audio_features",
        "unlabelled": "mood_history",
        "sources": "mood_history",
        "tracks": "mood_history",
        "artists": "mood_history",
        "confident": "mood_history",
        "uncertain": "mood_history",
        "gaps": "gaps",
    }
)
"""Each query's views. ``days``, ``minutes``, ``months`` and ``gaps`` run once a person, the others once a period."""


def page_sql(name: str) -> str:
    """The SQL of the query ``name``, as the page shows it."""
    return query(f"page_{name}").text


def page_query(name: str) -> TextClause:
    """The query ``name``, with parameters."""
    return text(page_sql(name))

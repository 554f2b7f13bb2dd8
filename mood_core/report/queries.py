"""The SQL that the mood page shows to its readers, one statement for each part of the page.

Their parameters ``:user``, ``:first`` and ``:last`` are the person's id and the first and last local day, inclusive.
"""

from __future__ import annotations

from types import MappingProxyType

from mood_core.report.period_answers import ANSWERS
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.sql_files import sql_file

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
    """The SQL of the query ``name``: a file of ``sql/shown`` where NumPy computes the rows, else what runs."""
    return sql_file("shown", name).statement if name in ANSWERS else query(f"page_{name}").text

"""The questions that the mood page asks, each a statement of ``sql/queries/report.sql`` that anybody can run.

``:user``, ``:first`` and ``:last`` are the person's id and the first and last local day, both included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import TextClause, text

from mood_core.store.engine.named_queries import query


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the ``view`` it asks, and the name of its ``statement``."""

    view: str
    statement: str

    def shown(self) -> str:
        """The SQL for people, with its three parameters."""
        return query(self.statement).text

    def asked(self) -> TextClause:
        """The same question to ``report_listens``, a copy of one person's rows of ``mood_history``."""
        return text(self.shown().replace("mood_history", "report_listens"))


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "totals": Question("mood_history", "page_totals"),
        "days": Question("mood_daily", "page_days"),
        "shares": Question("mood_history", "page_shares"),
        "months": Question("mood_monthly", "page_months"),
        "hours": Question("mood_history", "page_hours"),
        "map": Question("mood_history with audio_features", "page_map"),
        "path": Question("mood_history with audio_features", "page_path"),
        "transitions": Question("mood_history", "page_transitions"),
        "streaks": Question("mood_streaks", "page_streaks"),
        "unlabelled": Question("mood_history", "page_unlabelled"),
        "sources": Question("mood_history", "page_sources"),
        "tracks": Question("mood_history", "page_tracks"),
        "artists": Question("mood_history", "page_artists"),
        "certain": Question("mood_history", "page_certain"),
        "doubtful": Question("mood_history", "page_doubtful"),
        "gaps": Question("gaps", "page_gaps"),
    }
)
"""The questions by name. ``days``, ``months``, ``path`` and ``gaps`` once a person, others for each period."""

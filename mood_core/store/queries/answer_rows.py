"""People's answers about the moods of tracks in SQL."""

from __future__ import annotations

from mood_core.domain.answers import AskedBecause, MoodAnswer
from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query


class AnswerRows:
    """Answers in one database. Every method raises a StoreError if the database cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, user_id: str, track_id: str) -> MoodAnswer | None:
        """The answer that counts; None before the first one."""
        for row in self._database.rows(query("latest_answer"), {"user": user_id, "track": track_id}):
            at = from_ms(row.answered_at_ms)
            return MoodAnswer(user_id, track_id, at, row.answer, AskedBecause(row.asked_because), row.shown_model)
        return None

    def has_heard(self, user_id: str, track_id: str) -> bool:
        """Whether the person has a listen of the track."""
        return self._database.scalar(query("has_heard"), {"user": user_id, "track": track_id}) is not None

    def shown_model(self, track_id: str) -> str | None:
        """The model version that labels the track; None without a label."""
        version: str | None = self._database.scalar(query("shown_model"), {"track": track_id})
        return version

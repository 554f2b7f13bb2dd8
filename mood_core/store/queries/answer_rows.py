"""People's answers about the moods of tracks in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mood_core.domain.answers import UNDONE, AskedBecause, MoodAnswer
from mood_core.domain.records import from_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

_LOCK = 0x616E7377  # "answ": PostgreSQL's advisory lock of first answers


@dataclass(frozen=True, slots=True)
class LatestHead:
    """The latest head of a person for a model; see :class:`mood_core.usecases.answers.learn_heads.TrainedHead`."""

    trained_at: datetime
    version: str
    promoted: bool
    scores: dict[str, Any]


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

    def counting(self, user_id: str, track_id: str, connection: Connection) -> tuple[str, AskedBecause] | None:
        """The person's answer about the track that counts, with its reason, until the end of the transaction.

        Transactions that ask this wait for each other.
        """
        if connection.dialect.name == "postgresql":  # SQLite has one writer
            connection.execute(query("lock_transaction"), {"key": _LOCK})
        row = connection.execute(query("latest_answer"), {"user": user_id, "track": track_id}).first()
        return None if row is None or row.answer == UNDONE else (row.answer, AskedBecause(row.asked_because))

    def asked_track(self, user_id: str, track_id: str) -> Any:
        """The name, artists and listens of a track that the person heard; None if there is none."""
        rows = self._database.rows(query("asked_track"), {"user": user_id, "track": track_id})
        return next((row for row in rows if row.listens), None)

    def has_heard(self, user_id: str, track_id: str) -> bool:
        """Whether the person has a listen of the track."""
        return self._database.scalar(query("has_heard"), {"user": user_id, "track": track_id}) is not None

    def shown_model(self, track_id: str) -> str | None:
        """The model version that labels the track; None without a label."""
        version: str | None = self._database.scalar(query("shown_model"), {"track": track_id})
        return version

    def to_ask(self, user_id: str) -> Sequence[Any]:
        """The labelled tracks that the person heard and has not answered about; see the statement ``tracks_to_ask``."""
        return self._database.rows(query("tracks_to_ask"), {"user": user_id})

    def count(self, user_id: str) -> int:
        """The number of the person's answers, including those that were replaced or undone."""
        return int(self._database.scalar(query("count_answers"), {"user": user_id}))

    def by_reason(self, user_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """The number of tracks with an answer that counts, by reason for asking, of each person who has one."""
        found: dict[str, dict[str, int]] = {}
        for user_id, reason, tracks in self._database.rows(query("answers_by_reason"), {"ids": user_ids}):
            found.setdefault(user_id, {})[reason] = tracks
        return found

    def to_learn(self, model_version: str, user_ids: Sequence[str] | None = None) -> Sequence[Any]:
        """The answers of all or some people that teach, in the order of people; see ``answers_to_learn``."""
        people = {} if user_ids is None else {"ids": user_ids}
        return self._database.rows(query("answers_to_learn", *people), {"model": model_version, **people})

    def latest_heads(self, model_version: str, user_ids: Sequence[str] | None = None) -> dict[str, LatestHead]:
        """The latest head of each person, or of some people, for a model, by person."""
        people = {} if user_ids is None else {"ids": user_ids}
        return {
            row.user_id: LatestHead(from_ms(row.trained_at_ms), row.version, row.promoted == 1, json.loads(row.scores))
            for row in self._database.rows(query("latest_heads", *people), {"model": model_version, **people})
        }

    def count_heads(self, user_id: str) -> int:
        """The number of heads that were trained for a person."""
        return int(self._database.scalar(query("count_heads"), {"user": user_id}))

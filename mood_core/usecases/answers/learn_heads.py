"""Trains personal heads where enough new answers are there, and puts those in use that are better than the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

from mood_core.classifier.model_card import ModelCard
from mood_core.domain.answers import moods_in
from mood_core.domain.head_text import StoredHead
from mood_core.domain.learning import FEWEST_ANSWERS, NEW_ANSWERS, Lesson, learn
from mood_core.domain.records import MOODS, to_ms
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import MOOD_HEADS
from mood_core.store.queries.answer_rows import AnswerRows, LatestHead
from mood_core.usecases.batches import Batches


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A head that was trained for a person, its scores, and whether it labels their listens now."""

    user_id: str
    trained_at: datetime
    base_model: str
    version: str
    promoted: bool
    head: str
    scores: str

    def as_dict(self) -> dict[str, Any]:
        """What was learned, as JSON values."""
        return {
            "user_id": self.user_id,
            "version": self.version,
            "base_model": self.base_model,
            "promoted": self.promoted,
            "scores": json.loads(self.scores),
        }


def learn_heads(card: ModelCard, rows: AnswerRows, batches: Batches, *, now: datetime) -> list[TrainedHead]:
    """Train the heads that are due for the model of ``card`` and store them; returns them.

    The labels of a person follow in the same transaction. A head that is not better than the model is stored too: then
    the model's labels count for the person.

    Raises:
        StoreError: The lake or the database fails.
    """
    trained = []
    latest = rows.latest_heads(card.model_version)
    for user_id, answers in _by_person(rows.to_learn(card.model_version)):
        if _is_due(answers, latest.get(user_id)):
            at = batches.batch_time(now)
            head = _train(user_id, answers, card, 1 + rows.count_heads(user_id), at)
            batches.add(MOOD_HEADS, to_table(MOOD_HEADS, [head]), now=at)
            trained.append(head)
    return trained


def lesson_of(answers: Sequence[Any]) -> Lesson:
    """The lesson of rows of the statement ``answers_to_learn`` about one person."""
    named = [moods_in(row.answer) for row in answers]
    return Lesson(
        np.array([[getattr(row, f"p_{mood.lower()}") for mood in MOODS] for row in answers], np.float64),
        np.array([[mood in moods for mood in MOODS] for moods in named], np.bool_),
        np.array([MOODS.index(moods[0]) for moods in named], np.int64),
        np.array([row.at_random == 1 for row in answers], np.bool_),
    )


def _by_person(answers: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    for user_id, rows in groupby(answers, attrgetter("user_id")):
        yield user_id, list(rows)


def _is_due(answers: Sequence[Any], latest: LatestHead | None) -> bool:
    if len(answers) < FEWEST_ANSWERS:
        return False
    new = [row for row in answers if latest is None or row.answered_at_ms > to_ms(latest.trained_at)]
    return len(new) >= NEW_ANSWERS


def _train(user_id: str, answers: Sequence[Any], card: ModelCard, number: int, at: datetime) -> TrainedHead:
    learned = learn(lesson_of(answers))
    sets = None if card.set_thresholds is None else tuple(float(each) for each in card.set_thresholds)
    head = StoredHead(learned.coefficients, float(card.threshold), sets).to_text()
    version = f"{card.model_version}+personal/{number}"
    scores = json.dumps(learned.scores.as_dict())
    return TrainedHead(user_id, at, card.model_version, version, learned.promoted, head, scores)

"""Takes the answers of a sitting: the rules of `moodlog ask` and of the asking page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mood_core.domain.answers import MoodAnswer
from mood_core.domain.sitting import Asked, Sitting
from mood_core.store.queries.answer_rows import AnswerRows
from mood_core.usecases.answers.ask import Question
from mood_core.usecases.answers.record_answer import record_answer, undo_answer
from mood_core.usecases.batches import Batches


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an answer: the sitting after it, and the answer that counts, which may be another one."""

    sitting: Sitting
    counts: MoodAnswer


def new_sitting(questions: Sequence[Question]) -> Sitting:
    """A sitting with these questions."""
    return Sitting(tuple(Asked(one.track_id, one.asked_because) for one in questions))


def take_answer(
    sitting: Sitting, user_id: str, answer: str, rows: AnswerRows, batches: Batches, *, now: datetime
) -> Taken | None:
    """Store the answer to the current question; None after the last question.

    An answer that was given elsewhere in the meantime, such as in another browser, stays: nothing is stored then.

    Raises:
        InputError: There is no such answer, or the person has no listen of the track.
        StoreError: The lake or the database fails. The next run loads an answer whose file was published.
    """
    asked = sitting.current
    if asked is None:
        return None
    counts = record_answer(
        user_id, asked.track_id, answer, rows, batches, because=asked.because, now=now, replace=False
    )
    return Taken(sitting.forward(answered=counts.answer == answer), counts)


def take_back(sitting: Sitting, user_id: str, rows: AnswerRows, batches: Batches, *, now: datetime) -> Sitting:
    """Undo the latest answer of the sitting, whose question is then the current one.

    Raises:
        StoreError: The lake or the database fails.
    """
    if sitting.latest is not None:
        undo_answer(user_id, sitting.latest.track_id, rows, batches, now=now)
    return sitting.back()

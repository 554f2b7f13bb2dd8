"""Records a person's answer about the mood of a track. Nothing is overwritten: undoing is an answer too."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mood_core.domain.answers import ANSWERS, UNDONE, AskedBecause, MoodAnswer
from mood_core.errors import InputError
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import MOOD_ANSWERS
from mood_core.store.queries.answer_rows import AnswerRows
from mood_core.usecases.batches import Batches


def record_answer(
    user_id: str,
    track_id: str,
    answer: str,
    rows: AnswerRows,
    batches: Batches,
    *,
    because: AskedBecause,
    now: datetime,
    replace: bool = True,
) -> MoodAnswer:
    """Store the answer; at the return it is the label of all listens that ``user_id`` has of ``track_id``.

    The same answer is not stored again, so that a command can be repeated. Unless ``replace``, another answer that
    counts already stays. Returns the answer that counts.

    Raises:
        InputError: ``answer`` is not one of the possible answers, or the person has no listen of the track.
        StoreError: The lake or the database fails. The next run loads an answer whose file was published.
    """
    if answer not in ANSWERS:
        raise InputError(f"{answer} is not an answer; possible are {', '.join(ANSWERS)}")
    if not rows.has_heard(user_id, track_id):
        raise InputError(f"{user_id} has no listen of the track {track_id}; answer about a track of `moodlog history`")
    found = MoodAnswer(user_id, track_id, batches.batch_time(now), answer, because, rows.shown_model(track_id))

    def is_new(connection: Connection) -> bool:
        counts = rows.counting(user_id, track_id, connection)
        return counts is None or (replace and counts != (answer, because))

    if batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, [found]), now=found.answered_at, only_if=is_new):
        return found
    return rows.latest(user_id, track_id) or found


def undo_answer(user_id: str, track_id: str, rows: AnswerRows, batches: Batches, *, now: datetime) -> MoodAnswer | None:
    """Take back the person's answer about a track: the model's label counts again. Returns the answer that counted.

    None if there is no answer, or it was undone already.

    Raises:
        StoreError: The lake or the database fails.
    """
    before = rows.latest(user_id, track_id)
    if before is None or before.answer == UNDONE:
        return None
    at = batches.batch_time(now)
    undone = MoodAnswer(user_id, track_id, at, UNDONE, AskedBecause.VOLUNTEERED, rows.shown_model(track_id))
    batches.add(MOOD_ANSWERS, to_table(MOOD_ANSWERS, [undone]), now=at)
    return before

"""The use cases about people's answers: what to ask, what was answered, and what was learned from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mood_core.app.parts import Parts
from mood_core.domain.answers import AskedBecause, MoodAnswer

if TYPE_CHECKING:
    from mood_core.domain.sitting import Sitting
    from mood_core.usecases.answers.ask import Question
    from mood_core.usecases.answers.sittings import Taken
    from mood_core.usecases.answers.summary import AnswerSummary


class Answering(Parts):
    """The use cases about answers. See :class:`~mood_core.app.workspace.Workspace`."""

    def answer(
        self, user_id: str, track_id: str, answer: str, *, because: AskedBecause = AskedBecause.VOLUNTEERED
    ) -> MoodAnswer:
        """Record a person's answer about the mood of a track. It becomes the label of all their listens of it.

        ``answer`` is one of :data:`mood_core.domain.answers.ANSWERS`; ``because`` is why the track was asked about.

        Raises:
            InputError: There is no such answer, or the person has no listen of the track.
        """
        from mood_core.usecases.answers.record_answer import record_answer

        parts = self.answer_rows, self.batches
        return record_answer(user_id, track_id, answer, *parts, because=because, now=self.now())

    def undo_answer(self, user_id: str, track_id: str) -> MoodAnswer | None:
        """Take a person's answer about a track back: the model's label counts again.

        Returns the answer that counted until now; None if there was none.
        """
        from mood_core.usecases.answers.record_answer import undo_answer

        return undo_answer(user_id, track_id, self.answer_rows, self.batches, now=self.now())

    def questions(
        self, user_id: str, count: int = 20, *, seed: int | None = None, without: Collection[str] = ()
    ) -> list[Question]:
        """The tracks to ask a person about: most uncertain and often heard, some at random; none of ``without``."""
        from mood_core.usecases.answers.ask import questions

        return questions(user_id, self.answer_rows, count, seed=seed, without=without)

    def sitting(self, user_id: str, count: int = 20) -> Sitting:
        """A new sitting with up to ``count`` questions to a person."""
        from mood_core.usecases.answers.sittings import new_sitting

        return new_sitting(self.questions(user_id, count))

    def take_answer(self, sitting: Sitting, user_id: str, answer: str) -> Taken | None:
        """Record the answer to the current question, unless one was given elsewhere; None after the last question."""
        from mood_core.usecases.answers.sittings import take_answer

        return take_answer(sitting, user_id, answer, self.answer_rows, self.batches, now=self.now())

    def take_back(self, sitting: Sitting, user_id: str) -> Sitting:
        """Undo the latest answer of a sitting, whose question is then the current one."""
        from mood_core.usecases.answers.sittings import take_back

        return take_back(sitting, user_id, self.answer_rows, self.batches, now=self.now())

    def answer_summaries(self, user_ids: Sequence[str]) -> dict[str, AnswerSummary]:
        """What people answered, and what was learned from it, by person."""
        from mood_core.usecases.answers.summary import answer_summaries

        return answer_summaries(user_ids, self.answer_rows, self.mood_rows.current_version())

    def answer_summary(self, user_id: str) -> AnswerSummary:
        """What a person answered, and what was learned from it."""
        return self.answer_summaries([user_id])[user_id]

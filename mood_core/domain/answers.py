"""What a person can answer about the mood of a track, and what an answer means as a label.

An answer is one mood, two moods (the first one leads), :data:`NONE`, or :data:`UNDONE`, which takes the answers before
it back. Answers are text: ``Calm``, ``Happy|Calm``, ``none``, ``undone``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import permutations

from mood_core.domain.records import MOODS
from mood_core.errors import InputError

NONE = "none"
"""The track has none of the moods: its listens count as Unlabelled."""

UNDONE = "undone"
"""The person takes their answer back: the model's label counts again."""

ANSWERS = (*MOODS, *("|".join(pair) for pair in permutations(MOODS, 2)), NONE, UNDONE)
"""Every possible answer."""


class AskedBecause(StrEnum):
    """Why a track was asked about. A volunteered answer is a correction that nobody asked for."""

    UNCERTAIN = "uncertain"
    RANDOM = "random"
    VOLUNTEERED = "volunteered"


REASONS = {
    AskedBecause.UNCERTAIN: "The model is not certain about it, and it is heard often: your answer teaches most.",
    AskedBecause.RANDOM: "Drawn at random from all labelled tracks: such answers show how often the labels are right.",
}
"""Why a track is asked about, for people. No reason says which mood the model has chosen."""


@dataclass(frozen=True, slots=True)
class MoodAnswer:
    """A person's answer about a track; ``answer`` is one of :data:`ANSWERS`.

    ``shown_model`` is the model version whose label was shown, None without a label.
    """

    user_id: str
    track_id: str
    answered_at: datetime
    answer: str
    asked_because: AskedBecause
    shown_model: str | None


def answer_of(words: Sequence[str]) -> str:
    """The answer that ``words`` name: one or two moods in any case, by their first letters too, or ``none``.

    Raises:
        InputError: There is no such answer.
    """
    parts = [part.strip().lower() for word in words for part in word.split("|")]
    if parts in ([NONE], [NONE[0]]):
        return NONE
    moods = [mood for part in parts for mood in MOODS if part and mood.lower().startswith(part)]
    if len(moods) != len(parts) or "|".join(moods) not in ANSWERS:
        raise InputError(
            f"{' '.join(words) or 'nothing'} is not an answer; name one mood or two different ones of"
            f" {', '.join(MOODS)}, or {NONE}"
        )
    return "|".join(moods)


def moods_in(answer: str) -> tuple[str, ...]:
    """The moods of ``answer``, the leading one first; none for ``none`` and ``undone``."""
    return () if answer in (NONE, UNDONE) else tuple(answer.split("|"))

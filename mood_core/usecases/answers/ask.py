"""The questions for a person: the tracks about which an answer teaches most."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mood_core.domain.answers import AskedBecause
from mood_core.domain.questions import choose_questions, question_values
from mood_core.domain.records import MOODS
from mood_core.domain.spotify_ids import spotify_link
from mood_core.store.queries.answer_rows import AnswerRows


@dataclass(frozen=True, slots=True)
class Question:
    """A track to ask about, without the model's label, which would influence the answer.

    ``link`` opens it in Spotify; None for a local file.
    """

    track_id: str
    track: str
    artists: str
    listens: int
    asked_because: AskedBecause
    link: str | None

    def as_dict(self) -> dict[str, Any]:
        """The question as JSON values."""
        return asdict(self)


def questions(
    user_id: str, rows: AnswerRows, count: int, *, seed: int | None = None, without: Collection[str] = ()
) -> list[Question]:
    """Up to ``count`` questions for a person, in the order to ask them; none about the tracks ``without``.

    Without a ``seed``, they are the same until the person's next answer.

    Raises:
        StoreError: The database cannot be read.
    """
    tracks = [row for row in rows.to_ask(user_id) if row.track_id not in without]
    chances = np.array([_chances(row) for row in tracks], np.float64).reshape(-1, len(MOODS))
    values = question_values(chances, np.array([row.listens for row in tracks], np.int64))
    chosen = choose_questions(values, count, seed=rows.count(user_id) if seed is None else seed)
    return [_question(tracks[place], why) for place, why in zip(chosen.places.tolist(), chosen.because, strict=True)]


def _question(row: Any, because: AskedBecause) -> Question:
    return Question(row.track_id, row.track, row.artists, row.listens, because, spotify_link(row.track_id))


def _chances(row: Any) -> list[float]:
    return [float(getattr(row, f"p_{mood.lower()}")) for mood in MOODS]

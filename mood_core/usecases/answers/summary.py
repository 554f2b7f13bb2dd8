"""What a person answered, and what was learned from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mood_core.store.queries.answer_rows import AnswerRows


@dataclass(frozen=True, slots=True)
class AnswerSummary:
    """A person's answers that count: ``tracks`` by the reason for asking, and ``usable``, those to learn from.

    ``version``, ``promoted`` (whether it labels the person's listens) and ``scores`` (see
    :class:`mood_core.domain.learning.Scores`) are those of the last head for the current model; None without one.
    """

    tracks: int
    by_reason: dict[str, int]
    usable: int
    version: str | None = None
    promoted: bool = False
    scores: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return asdict(self)


def answer_summary(user_id: str, rows: AnswerRows, model_version: str | None) -> AnswerSummary:
    """The summary of ``user_id`` for the current model, None before the first label.

    Raises:
        StoreError: The database cannot be read.
    """
    by_reason = rows.by_reason(user_id)
    counts = sum(by_reason.values()), by_reason
    if model_version is None:
        return AnswerSummary(*counts, usable=0)
    usable = sum(row.user_id == user_id for row in rows.to_learn(model_version))
    head = rows.latest_heads(model_version).get(user_id)
    if head is None:
        return AnswerSummary(*counts, usable=usable)
    return AnswerSummary(*counts, usable, head.version, head.promoted, head.scores)

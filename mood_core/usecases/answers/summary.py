"""What a person answered, and what was learned from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mood_core.domain.learning import FEWEST_ANSWERS
from mood_core.store.queries.answer_rows import AnswerRows, LatestHead
from mood_core.text.format import plural


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

    def sentences(self) -> list[str]:
        """What was answered and learned, for people."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.by_reason.items())
        said = [f"Answers about {plural(self.tracks, 'track')}{f' ({reasons})' if reasons else ''}."]
        return [*said, *(self._missing() if self.scores is None else self._learned(self.scores))]

    def _missing(self) -> list[str]:
        missing = max(0, FEWEST_ANSWERS - self.usable)
        more = f"{plural(missing, 'more answer')} to questions of `moodlog ask`" if missing else "the next run"
        return [f"Nothing was learned yet: that needs {more}."] if self.tracks else []

    def _learned(self, scores: dict[str, Any]) -> Iterator[str]:
        yield f"{self.version}: {'in use' if self.promoted else 'not better than the model, so not used'}."
        random = scores["at_random"]
        for when in ("before", "after"):
            low, high = scores[f"{when}_low"], scores[f"{when}_high"]
            of = f"{random[when]} of {random['answers']} tracks drawn at random"
            yield f"Agreement {when}: {of} (90% interval {low:.0%} to {high:.0%})."
        gain, error = scores["log_loss_gain"], scores["log_loss_gain_se"]
        yield f"Log loss: {scores['log_loss_before']:.2f} before; gain {gain:+.2f} ± {error:.2f}."
        for mood, one in scores["by_mood"].items():
            if one["answers"]:
                yield f"{mood}: {one['before']} before, {one['after']} after, of {plural(one['answers'], 'answer')}."


def answer_summaries(user_ids: Sequence[str], rows: AnswerRows, model_version: str | None) -> dict[str, AnswerSummary]:
    """The summary of each of ``user_ids`` for the current model, None before the first label.

    Raises:
        StoreError: The database cannot be read.
    """
    by_reason = rows.by_reason(user_ids)
    learnable = [] if model_version is None else rows.to_learn(model_version, user_ids)
    heads = {} if model_version is None else rows.latest_heads(model_version, user_ids)
    usable = Counter(row.user_id for row in learnable)
    return {each: _summary(by_reason.get(each, {}), usable[each], heads.get(each)) for each in user_ids}


def _summary(by_reason: dict[str, int], usable: int, head: LatestHead | None) -> AnswerSummary:
    tracks = sum(by_reason.values())
    if head is None:
        return AnswerSummary(tracks, by_reason, usable)
    return AnswerSummary(tracks, by_reason, usable, head.version, head.promoted, head.scores)

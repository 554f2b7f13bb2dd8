"""Learns a personal head from answers, and decides by a paired test on held-out answers how much of it is used. Pure.

Only answers to questions teach: about tracks that were uncertain or drawn at random, whatever the answer. Corrections
that nobody asked for are about the tracks where the model is wrong; learning from them alone made labels worse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.intervals import wilson_interval
from mood_core.domain.personal_head import apply_head, fit_head
from mood_core.domain.records import MOODS

FEWEST_ANSWERS = 45
"""Answers to questions before anything is learned: with 20 to 40, some simulated people were labelled worse."""

NEW_ANSWERS = 10
"""New answers after which a head is trained again."""

_FOLDS = 10
_SEED = 0
_WEIGHT_OF_RANDOM = 2.0
_LEAST_T = 0.3
_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A person's answers to questions about n labelled tracks.

    ``probabilities`` (n, 4): the model's; ``moods`` (n, 4) bool: the moods in the answer, one or two; ``leading`` (n,):
    the first one; ``at_random`` (n,) bool: the track was drawn at random.
    """

    probabilities: NDArray[np.float64]
    moods: NDArray[np.bool_]
    leading: NDArray[np.int64]
    at_random: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of n answers agree with the label ``before`` (by the model) and ``after`` (by the personal head).

    Of an answer of two moods, either counts. ``after`` is of heads that were trained without the answer.
    """

    answers: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured on held-out answers.

    ``at_random``: the agreement on the tracks drawn at random, an unbiased score; ``all_answers`` and ``by_mood``: on
    all answers, which were chosen to be hard. ``before_low`` to ``after_high``: 90% Wilson intervals of the shares on
    the random ones. ``log_loss_gain``: the mean gain in nats with its standard error, in which random ones count twice.
    """

    at_random: Agreement
    all_answers: Agreement
    by_mood: dict[str, Agreement]
    before_low: float
    before_high: float
    after_low: float
    after_high: float
    log_loss_before: float
    log_loss_gain: float
    log_loss_gain_se: float

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The head from all answers, scaled by its share; its scores; whether it is used: better by a paired test."""

    coefficients: NDArray[np.float64] = field(repr=False)
    scores: Scores
    promoted: bool


def learn(lesson: Lesson) -> Learned:
    """Train a head on ``lesson`` and compare heads trained without an answer with the model on that answer.

    The coefficients are scaled by the probability that the head is better than the model: the normal distribution at
    the weighted mean gain of the log loss in standard errors. A head without clear evidence therefore changes little.
    The scaled head is used if its gain is at least 0.3 of its standard error.
    """
    chosen = lesson.moods / lesson.moods.sum(axis=1, keepdims=True)
    weights = np.where(lesson.at_random, _WEIGHT_OF_RANDOM, 1.0)
    before = _log_losses(lesson.probabilities, chosen)
    heads = _held_out_heads(lesson)
    gain, error = _mean_and_error(before - _log_losses(_held_out(heads, lesson), chosen), weights)
    share = NormalDist().cdf(gain / max(error, _LEAST))
    held_out = _held_out(share * heads, lesson)
    gain, error = _mean_and_error(before - _log_losses(held_out, chosen), weights)
    promoted = gain > 0 and gain >= _LEAST_T * error
    right_before, right_after = (_right(each, lesson) for each in (lesson.probabilities, held_out))
    at_random = _agreement(right_before, right_after, lesson.at_random)
    by_mood = {
        mood: _agreement(right_before, right_after, lesson.leading == number) for number, mood in enumerate(MOODS)
    }
    scores = Scores(
        at_random,
        _agreement(right_before, right_after, np.ones(len(weights), np.bool_)),
        by_mood,
        *wilson_interval(at_random.before, at_random.answers),
        *wilson_interval(at_random.after, at_random.answers),
        log_loss_before=round(float(np.average(before, weights=weights)), 6),
        log_loss_gain=round(gain, 6),
        log_loss_gain_se=round(error, 6),
    )
    return Learned(share * _fit(lesson, np.ones(len(weights), np.bool_)), scores, promoted)


def _fit(lesson: Lesson, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    places, labels = np.nonzero(lesson.moods & rows[:, None])
    shares = 1 / lesson.moods.sum(axis=1)
    return fit_head(lesson.probabilities[places], labels.astype(np.int64), shares[places])


def _folds(lesson: Lesson) -> NDArray[np.int64]:
    return np.asarray(np.random.default_rng(_SEED).permutation(len(lesson.leading)) % _FOLDS)


def _held_out_heads(lesson: Lesson) -> NDArray[np.float64]:
    """(10, 5, 4): for each fold the head that was trained without its answers."""
    folds = _folds(lesson)
    return np.stack([_fit(lesson, folds != number) for number in range(_FOLDS)])


def _held_out(heads: NDArray[np.float64], lesson: Lesson) -> NDArray[np.float64]:
    """(n, 4): the probabilities of each answer's track by the head of ``heads`` (10, 5, 4) that has not seen it."""
    folds = _folds(lesson)
    found = np.empty_like(lesson.probabilities)
    for number, head in enumerate(heads):
        found[folds == number] = apply_head(head, lesson.probabilities[folds == number])
    return found


def _log_losses(probabilities: NDArray[np.float64], chosen: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-(chosen * np.log(np.clip(probabilities, _LEAST, 1.0))).sum(axis=1))


def _right(probabilities: NDArray[np.float64], lesson: Lesson) -> NDArray[np.bool_]:
    return np.asarray(lesson.moods[np.arange(len(lesson.leading)), probabilities.argmax(axis=1)])


def _agreement(before: NDArray[np.bool_], after: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Agreement:
    return Agreement(int(rows.sum()), int(before[rows].sum()), int(after[rows].sum()))


def _mean_and_error(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """The weighted mean and its standard error."""
    shares = weights / weights.sum()
    mean = float(shares @ values)
    variance = (shares**2) @ (values - mean) ** 2 * len(values) / max(len(values) - 1, 1)
    return mean, float(np.sqrt(variance))

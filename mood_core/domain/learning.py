"""Learns a personal head from answers, and decides by a paired test on held-out answers whether it is used. Pure.

Only answers to questions teach: about tracks that were uncertain or drawn at random, whatever the answer. Corrections
that nobody asked for are about the tracks where the model is wrong; learning from them alone made labels worse.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
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
_LEAST_T = 0.7
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
    """The head from all answers, its scores, and whether it is used: better than the model by a paired test."""

    coefficients: NDArray[np.float64] = field(repr=False)
    scores: Scores
    promoted: bool


def learn(lesson: Lesson) -> Learned:
    """Train a head on ``lesson`` and compare heads trained without an answer with the model on that answer.

    The head is used if the weighted mean gain of the log loss is at least 0.7 of its standard error, and the agreement
    does not fall by more than half of its own.
    """
    held_out = _held_out(lesson)
    chosen = lesson.moods / lesson.moods.sum(axis=1, keepdims=True)
    before, after = (_log_losses(each, chosen) for each in (lesson.probabilities, held_out))
    right_before, right_after = (_right(each, lesson) for each in (lesson.probabilities, held_out))
    weights = np.where(lesson.at_random, _WEIGHT_OF_RANDOM, 1.0)
    gain, error = _mean_and_error(before - after, weights)
    change, change_error = _mean_and_error(right_after.astype(float) - right_before, weights)
    promoted = gain > 0 and gain >= _LEAST_T * error and change >= -0.5 * change_error
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
    return Learned(_fit(lesson, np.ones(len(weights), np.bool_)), scores, promoted)


def _fit(lesson: Lesson, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    places, labels = np.nonzero(lesson.moods & rows[:, None])
    shares = 1 / lesson.moods.sum(axis=1)
    return fit_head(lesson.probabilities[places], labels.astype(np.int64), shares[places])


def _held_out(lesson: Lesson) -> NDArray[np.float64]:
    """(n, 4): the probabilities of each answer's track by a head that was trained without the answer."""
    fold = np.random.default_rng(_SEED).permutation(len(lesson.leading)) % _FOLDS
    found = np.empty_like(lesson.probabilities)
    for number in range(_FOLDS):
        here = fold == number
        if here.any():
            found[here] = apply_head(_fit(lesson, ~here), lesson.probabilities[here])
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

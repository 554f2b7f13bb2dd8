"""A personal head: a small map on the model's probabilities that is learned from one person's answers. Pure.

The inputs are the logarithms of the four probabilities, centred. A linear map of them, with an intercept for each mood,
is added to these logarithms. Ridge penalties draw the map to nothing, so few answers change little. The loss is convex:
it has one solution and needs no seed. The penalties were chosen by simulation, see docs/answers.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.records import MOODS
from mood_core.domain.softmax import WeightedRows, fit_softmax, softmax

PENALTY_OF_INTERCEPTS = 3.0
PENALTY_OF_WEIGHTS = 9.0
"""The ridge penalties for the log loss summed over the answers, in nats."""

_LEAST = 1e-4


def fit_head(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The (5, 4) coefficients for n answers.

    Args:
        probabilities: (n, 4), the model's, in the order of ``MOODS``.
        labels: (n,), indices into ``MOODS``; an answer of two moods is two rows of half the weight.
        weights: (n,), 1 for an answer of one mood.
    """
    total = weights.sum()
    penalties = np.array([PENALTY_OF_INTERCEPTS, *[PENALTY_OF_WEIGHTS] * len(MOODS)]) / total
    logs = _logs(probabilities)
    allowed = np.ones((len(labels), len(MOODS)), np.bool_)
    return fit_softmax(WeightedRows(_inputs(logs), labels, allowed, weights / total, penalties, offsets=logs))


def apply_head(coefficients: NDArray[np.float64], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The person's probabilities (n, 4) for the model's ``probabilities`` (n, 4)."""
    logs = _logs(probabilities)
    return softmax(logs + _inputs(logs) @ coefficients).astype(np.float32)


def _logs(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    logs = np.log(np.clip(probabilities.astype(np.float64), _LEAST, 1.0))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _inputs(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([np.ones((len(logs), 1)), logs])

"""The temperature: one number that makes probabilities mean what they say (Guo et al., 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.training.metrics import log_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CANDIDATES = np.geomspace(0.5, 2.0, 121)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature in [0.5, 2] with the least log loss for (n, m, k) ``logits`` of m members and (n,) ``labels``.

    The members' probabilities are averaged after the temperature, as in the saved model. ``logits`` must be those of
    tracks that the members were not trained on.
    """
    losses = [log_losses(mean_probabilities(logits, one), labels).mean() for one in _CANDIDATES]
    return round(float(_CANDIDATES[int(np.argmin(losses))]), 4)


def mean_probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """(n, k) float64: the mean over the members of the softmax of (n, m, k) ``logits`` / ``temperature``."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=-1, keepdims=True)
    exponential = np.exp(scaled)
    return np.asarray((exponential / exponential.sum(axis=-1, keepdims=True)).mean(axis=1))

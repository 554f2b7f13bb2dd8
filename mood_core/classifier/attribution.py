"""The top factors of a label, by occlusion.

Each feature in turn is set to its training median (an optional one to missing). The loss in the log-odds of the
predicted mood is the feature's weight: positive if the value supports the mood, negative if it opposes it. The weights
have no meaningful sum, and features with the same information share its weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Attribution:
    """One feature's part in one label: its raw ``value`` (NaN: missing) and ``weight`` in log-odds."""

    feature: str
    value: float
    weight: float


def attribute(model: Classifier, matrix: NDArray[np.float32]) -> list[list[Attribution]]:
    """For each row of an (n, f) float32 ``matrix``, its features by descending absolute weight."""
    matrix = np.asarray(matrix, dtype=np.float32)
    probabilities = model.predict(matrix)
    chosen = probabilities.argmax(axis=1)
    base = _log_odds(probabilities, chosen)
    weights = np.empty(matrix.shape, dtype=np.float64)
    for position, feature in enumerate(model.card.features):
        occluded = matrix.copy()
        occluded[:, position] = np.nan if feature.may_be_missing else feature.median
        weights[:, position] = base - _log_odds(model.predict(occluded), chosen)
    return [_row(model.card.feature_names, values, row) for values, row in zip(matrix, weights, strict=True)]


def _log_odds(probabilities: NDArray[np.float32], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    share = np.clip(probabilities[np.arange(len(chosen)), chosen].astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(share / (1 - share)))


def _row(names: tuple[str, ...], values: NDArray[np.float32], weights: NDArray[np.float64]) -> list[Attribution]:
    parts = [
        Attribution(name, float(value), round(float(weight), 4) + 0.0)
        for name, value, weight in zip(names, values, weights, strict=True)
    ]
    return sorted(parts, key=lambda part: (-abs(part.weight), part.feature))

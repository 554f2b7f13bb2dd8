"""From probabilities to moods: the decision, apart from the model that gave the probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mood_core.domain.records import MOODS
from mood_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labels:
    """The decisions for n tracks.

    ``mood``: (n,) int8, index into :data:`mood_core.domain.records.MOODS`. ``confidence``: (n,) float32 in [0, 1], the
    probability of that mood. ``uncertain``: (n,) bool, the confidence is below the threshold.
    """

    mood: NDArray[np.int8]
    confidence: NDArray[np.float32]
    uncertain: NDArray[np.bool_]

    def names(self) -> list[str]:
        """The moods' names, one a track."""
        return [MOODS[index] for index in self.mood]


def label(probabilities: NDArray[np.float32], threshold: float) -> Labels:
    """The most probable mood of each row of an (n, 4) float32 matrix in the order of ``MOODS``.

    A tie goes to the first in that order. ``threshold`` in [0, 1] is the model card's.

    Raises:
        ModelError: the matrix has another shape, or a row is not a probability distribution within 1e-4.
    """
    _check(probabilities)
    mood = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(probabilities)), mood].astype(np.float32)
    return Labels(mood.astype(np.int8), confidence, confidence < np.float32(threshold))


def _check(probabilities: NDArray[np.float32]) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] != len(MOODS):
        raise ModelError(
            f"the model gave the shape {probabilities.shape} where (n, {len(MOODS)}) is due; use a model of these moods"
        )
    # Negated comparisons, so that NaN fails them.
    sums_to_one = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1.0) <= 1e-4
    bad = ~(sums_to_one & (probabilities >= 0.0).all(axis=1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ModelError(
            f"the model gave no probability distribution for row {row}: {probabilities[row].tolist()}; "
            "check the features' ranges before labelling"
        )

"""The preprocessing: each feature by its place among the training tracks, on the scale of a normal distribution.

A piecewise linear quantile map, so it can be written as two fixed linear layers with a clipped ReLU between them and
live inside the saved model. A missing value becomes 0, the middle, and a flag of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEGMENTS = 64
"""Pieces of each map; fewer where the training data hold fewer different values."""


@dataclass(frozen=True, slots=True)
class QuantileEncoder:
    """The maps of f features: through the points (``knots``, ``levels``), flat outside them.

    Each is f arrays; knots ascend strictly, in the feature's unit; levels ascend, in standard deviations.
    """

    knots: tuple[NDArray[np.float32], ...]
    levels: tuple[NDArray[np.float32], ...]

    def encode(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, f + 1) float32: the mapped features, 0 where missing, then 1 where the last one is missing, else 0."""
        result = np.zeros((len(matrix), matrix.shape[1] + 1), dtype=np.float32)
        for position, (knots, levels) in enumerate(zip(self.knots, self.levels, strict=True)):
            result[:, position] = np.interp(matrix[:, position], knots, levels)
        missing = np.isnan(matrix)
        result[:, :-1][missing] = 0.0
        result[:, -1] = missing[:, -1]
        return result


def fit_encoder(matrix: NDArray[np.float32]) -> QuantileEncoder:
    """The encoder of an (n, f) float32 ``matrix`` of training tracks; a column without values maps to 0."""
    pairs = [_fit_column(column[~np.isnan(column)]) for column in matrix.T]
    return QuantileEncoder(tuple(knots for knots, _ in pairs), tuple(levels for _, levels in pairs))


def _fit_column(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not len(values):
        return np.zeros(1, dtype=np.float32), np.zeros(1, dtype=np.float32)
    points = SEGMENTS + 1
    quantiles = np.quantile(values.astype(np.float64), np.linspace(0.0, 1.0, points)).astype(np.float32)
    normal = NormalDist()
    levels = np.array([normal.inv_cdf((index + 0.5) / points) for index in range(points)])
    group = _groups(quantiles)
    counts = np.bincount(group)
    # Equal quantiles share the mean of their levels, so a heap of equal values lies in its own middle.
    merged = np.bincount(group, weights=levels) / counts
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return quantiles[first], merged.astype(np.float32)


def _groups(quantiles: NDArray[np.float32]) -> NDArray[np.int64]:
    """Numbers the quantiles, those too close for float32 to tell apart inside a network sharing a number."""
    group = np.zeros(len(quantiles), dtype=np.int64)
    start = quantiles[0]
    for index in range(1, len(quantiles)):
        apart = quantiles[index] - start > 1e-5 * max(abs(quantiles[index]), abs(start))
        group[index] = group[index - 1] + int(apart)
        start = quantiles[index] if apart else start
    return group

"""The preprocessing: what the softmax regression sees of the ten raw features.

Each feature by its place among the training tracks, on the scale of a normal distribution (a piecewise linear quantile
map); the nine features but the duration also by their plain values; and all products of two places. Everything can be
written in native layers and lives inside the saved model. A missing value counts as the middle, a missing duration has
a flag of its own.
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

_EDGE = 0.005

CLIP = 3.0
"""Plain values count up to so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """The maps of f features: through the points (``knots``, ``levels``), flat outside them.

    Each is f arrays; knots ascend strictly, in the feature's unit; levels ascend, in standard deviations. ``middle``
    and ``spread`` (f - 1,) are the means and standard deviations of the plain values.
    """

    knots: tuple[NDArray[np.float32], ...]
    levels: tuple[NDArray[np.float32], ...]
    middle: NDArray[np.float32]
    spread: NDArray[np.float32]

    def quantiles(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, f) float32: the mapped features, 0 where missing."""
        columns = zip(matrix.T, self.knots, self.levels, strict=True)
        mapped = np.stack([np.interp(*column) for column in columns], axis=1)
        return np.where(np.isnan(matrix), 0.0, mapped).astype(np.float32)

    def values(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, f - 1) float32: the features but the last, standardised and clipped, 0 where missing."""
        scaled = np.clip((matrix[:, :-1] - self.middle) / self.spread, -CLIP, CLIP)
        return np.where(np.isnan(scaled), 0.0, scaled).astype(np.float32)

    def inputs(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, p) float64: quantiles, values, their products, the flag of the last feature, and a constant 1."""
        quantiles = self.quantiles(matrix).astype(np.float64)
        first, second = pairs(quantiles.shape[1])
        missing = np.isnan(matrix[:, -1:]).astype(np.float64)
        products = quantiles[:, first] * quantiles[:, second]
        return np.concatenate([quantiles, self.values(matrix), products, missing, np.ones_like(missing)], axis=1)


def pairs(features: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of both features of every product, each pair once, squares included."""
    first, second = np.triu_indices(features)
    return first.astype(np.int64), second.astype(np.int64)


def fit_encoder(matrix: NDArray[np.float32], weights: NDArray[np.float64] | None = None) -> Encoder:
    """The encoder of an (n, f) float32 ``matrix`` with (n,) ``weights`` of its rows; an empty column maps to 0."""
    weights = np.ones(len(matrix)) if weights is None else weights
    maps = [_fit_column(column, weights) for column in matrix.T]
    scales = [_mean_and_spread(column, weights) for column in matrix.T[:-1]]
    middle, spread = (
        (np.array(values, dtype=np.float32) for values in zip(*scales, strict=True))
        if scales
        else (np.zeros(0, np.float32), np.ones(0, np.float32))
    )
    return Encoder(tuple(knots for knots, _ in maps), tuple(levels for _, levels in maps), middle, spread)


def _mean_and_spread(column: NDArray[np.float32], weights: NDArray[np.float64]) -> tuple[float, float]:
    known = ~np.isnan(column)
    if not known.any():
        return 0.0, 1.0
    values = column[known].astype(np.float64)
    mean = float(np.average(values, weights=weights[known]))
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weights[known])))
    return mean, spread if spread > 1e-6 * max(abs(mean), 1e-3) else 1.0


def _weighted_quantiles(values: NDArray[np.float64], weights: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    place = (np.cumsum(weights) - weights / 2) / weights.sum()
    return np.interp(np.linspace(0.0, 1.0, points), place, values)


def _fit_column(
    column: NDArray[np.float32], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    known = ~np.isnan(column)
    if not known.any():
        return np.zeros(1, dtype=np.float32), np.zeros(1, dtype=np.float32)
    points = SEGMENTS + 1
    quantiles = _weighted_quantiles(column[known].astype(np.float64), weights[known], points).astype(np.float32)
    normal = NormalDist()
    levels = np.array([normal.inv_cdf(share) for share in np.linspace(0.0, 1.0, points).clip(_EDGE, 1 - _EDGE)])
    group = _groups(quantiles)
    counts = np.bincount(group)
    # Equal quantiles share the mean of their levels, so many equal values map to their middle.
    merged = np.bincount(group, weights=levels) / counts
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return quantiles[first], merged.astype(np.float32)


def _groups(quantiles: NDArray[np.float32]) -> NDArray[np.int64]:
    """A number for each quantile, equal for quantiles that float32 cannot distinguish inside a network."""
    group = np.zeros(len(quantiles), dtype=np.int64)
    start = quantiles[0]
    for index in range(1, len(quantiles)):
        apart = quantiles[index] - start > 1e-5 * max(abs(quantiles[index]), abs(start))
        group[index] = group[index - 1] + int(apart)
        start = quantiles[index] if apart else start
    return group

"""Softmax regression with ridge penalties, soft labels and masked classes, fitted by Newton's method.

The loss is convex, so there is one solution: no seed, no learning rate and no early stopping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 50
_GAIN = 1e-10
_IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True)
class WeightedRows:
    """Rows to fit.

    ``inputs``: (n, p); a constant column gives the intercepts. ``labels``: (n,) below k; a soft label is several rows
    whose weights are its shares. ``allowed``: (n, k), the classes that each row could have had; the softmax runs over
    these alone. ``weights``: (n,) of the rows, summing to 1. ``penalties``: (p,) ridge penalties, all above 0.
    ``offsets``: (n, k), added to the products of inputs and coefficients.
    """

    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    weights: NDArray[np.float64]
    penalties: NDArray[np.float64]
    offsets: NDArray[np.float64] | float = 0.0

    @property
    def targets(self) -> NDArray[np.float64]:
        """(n, k), 1 for the class of each row."""
        return np.asarray(np.eye(self.allowed.shape[1])[self.labels])

    def logits(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, k), very small for the classes that a row could not have had."""
        return np.where(self.allowed, self.inputs @ coefficients + self.offsets, _IMPOSSIBLE)


def fit_softmax(rows: WeightedRows) -> NDArray[np.float64]:
    """The (p, k) coefficients with the least penalised log loss."""
    targets = rows.targets
    coefficients = np.zeros((rows.inputs.shape[1], rows.allowed.shape[1]))
    loss = _loss(rows, targets, coefficients)
    for _ in range(_STEPS):
        step = _newton_step(rows, targets, coefficients)
        size, before = 1.0, loss
        while True:
            loss = _loss(rows, targets, coefficients - size * step)
            if loss <= before or size < 1e-6:
                break
            size /= 2
        coefficients = coefficients - size * step
        if before - loss < _GAIN:
            break
    return coefficients


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities of each row of ``logits``."""
    exponential = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponential / exponential.sum(axis=1, keepdims=True))


def _loss(rows: WeightedRows, targets: NDArray[np.float64], coefficients: NDArray[np.float64]) -> float:
    logits = rows.logits(coefficients)
    highest = logits.max(axis=1)
    normaliser = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    log_losses = normaliser - (targets * logits).sum(axis=1)
    return float(rows.weights @ log_losses + 0.5 * (rows.penalties[:, None] * coefficients**2).sum())


def _newton_step(
    rows: WeightedRows, targets: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    width, classes = coefficients.shape
    found = softmax(rows.logits(coefficients))
    errors = rows.weights[:, None] * (found - targets)
    gradient = rows.inputs.T @ errors + rows.penalties[:, None] * coefficients
    hessian = np.zeros((classes, width, classes, width))
    for one in range(classes):
        for other in range(one, classes):
            curvature = rows.weights * found[:, one] * ((one == other) - found[:, other])
            hessian[one, :, other, :] = (rows.inputs * curvature[:, None]).T @ rows.inputs
            hessian[other, :, one, :] = hessian[one, :, other, :].T
        hessian[one, range(width), one, range(width)] += rows.penalties
    size = classes * width
    solved = np.linalg.solve(hessian.reshape(size, size), gradient.T.ravel())
    return np.asarray(solved.reshape(classes, width).T)

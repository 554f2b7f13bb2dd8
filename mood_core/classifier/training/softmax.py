"""Softmax regression with ridge penalties, soft labels and masked classes, fitted by Newton's method.

The loss is convex, so there is one solution: no seed, no learning rate and no early stopping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 50
_GAIN = 1e-10
_IMPOSSIBLE = -1e9


def fit_softmax(
    inputs: NDArray[np.float64],
    labels: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.float64],
    penalties: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The (p, k) coefficients with the least penalised log loss.

    Args:
        inputs: (n, p); a constant column gives the intercepts.
        labels: (n,) below k. A soft label is several rows whose weights are its shares.
        allowed: (n, k), the classes that each row could have had; the softmax runs over these alone.
        weights: (n,) of the rows, summing to 1.
        penalties: (p,) ridge penalties, all above 0.
    """
    targets = np.eye(allowed.shape[1])[labels]
    coefficients = np.zeros((inputs.shape[1], allowed.shape[1]))
    loss = _loss(inputs, targets, allowed, weights, penalties, coefficients)
    for _ in range(_STEPS):
        step = _newton_step(inputs, targets, allowed, weights, penalties, coefficients)
        size, before = 1.0, loss
        while True:
            loss = _loss(inputs, targets, allowed, weights, penalties, coefficients - size * step)
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


def _loss(
    inputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.float64],
    penalties: NDArray[np.float64],
    coefficients: NDArray[np.float64],
) -> float:
    logits = np.where(allowed, inputs @ coefficients, _IMPOSSIBLE)
    highest = logits.max(axis=1)
    normaliser = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    log_losses = normaliser - (targets * logits).sum(axis=1)
    return float(weights @ log_losses + 0.5 * (penalties[:, None] * coefficients**2).sum())


def _newton_step(
    inputs: NDArray[np.float64],
    targets: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    weights: NDArray[np.float64],
    penalties: NDArray[np.float64],
    coefficients: NDArray[np.float64],
) -> NDArray[np.float64]:
    width, classes = coefficients.shape
    found = softmax(np.where(allowed, inputs @ coefficients, _IMPOSSIBLE))
    gradient = inputs.T @ (weights[:, None] * (found - targets)) + penalties[:, None] * coefficients
    hessian = np.zeros((classes, width, classes, width))
    for one in range(classes):
        for other in range(one, classes):
            curvature = weights * found[:, one] * ((one == other) - found[:, other])
            hessian[one, :, other, :] = (inputs * curvature[:, None]).T @ inputs
            hessian[other, :, one, :] = hessian[one, :, other, :].T
        hessian[one, range(width), one, range(width)] += penalties
    size = classes * width
    solved = np.linalg.solve(hessian.reshape(size, size), gradient.T.ravel())
    return np.asarray(solved.reshape(classes, width).T)

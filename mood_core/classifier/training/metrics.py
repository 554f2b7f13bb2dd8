"""Scores of probabilities: accuracy, macro-F1, recall, log loss, calibration error, wrong and confident, coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CALIBRATION_BINS = 10
"""Equally wide bins of the top probability, as in Guo et al., On Calibration of Modern Neural Networks, 2017."""

CONFIDENT = 0.9
"""A label with a higher probability counts as confident here."""

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of n tracks; shares in [0, 1], ``log_loss`` in nats.

    ``recall`` is by class, for the classes that occur; ``balanced_accuracy`` is its mean.
    ``wrong_and_confident``: the share of the tracks whose label is wrong with a probability above 0.9.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    ece: float
    wrong_and_confident: float
    recall: dict[str, float]


def score(probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str]) -> Scores:
    """The scores of (n, k) ``probabilities`` against (n,) ``labels``."""
    counts = confusion(probabilities, labels)
    recall, f1 = _recall_and_f1(counts)
    present = counts.sum(axis=1) > 0
    top = probabilities.max(axis=1)
    return Scores(
        accuracy=float(np.trace(counts) / max(counts.sum(), 1)),
        balanced_accuracy=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        log_loss=float(log_losses(probabilities, labels).mean()),
        ece=expected_calibration_error(probabilities, labels),
        wrong_and_confident=float(((top > CONFIDENT) & (probabilities.argmax(axis=1) != labels)).mean()),
        recall={name: float(value) for name, value, here in zip(classes, recall, present, strict=True) if here},
    )


def confusion(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k, k) int64: tracks by true class (row) and most probable class (column)."""
    classes = probabilities.shape[1]
    flat = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def _recall_and_f1(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    hits = np.diag(counts).astype(np.float64)
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)
    return hits / np.maximum(true, 1), 2 * hits / np.maximum(true + predicted, 1)


def log_losses(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) float64: the negative log-likelihood of each track's label, in nats."""
    share = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(share, _TINY))


def expected_calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The mean distance between confidence and accuracy over the bins, weighted by their tracks."""
    return float(
        sum(share * abs(accuracy - confidence) for share, confidence, accuracy in reliability(probabilities, labels))
    )


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = CALIBRATION_BINS
) -> list[tuple[float, float, float]]:
    """For each filled bin of the top probability: share of the tracks, mean confidence, accuracy."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return [
        (float(inside.mean()), float(confidence[inside].mean()), float(right[inside].mean()))
        for inside in (index == number for number in range(bins))
        if inside.any()
    ]


def coverage_curve(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Coverage, accuracy and threshold, each (n,) float64, when only the most confident tracks are labelled.

    Entry i: the i + 1 most confident tracks are kept, those whose top probability is at least ``threshold[i]``.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    kept = np.arange(1, len(labels) + 1)
    return kept / len(labels), np.cumsum(right) / kept, confidence[order].astype(np.float64)


def accuracy_at_coverage(probabilities: NDArray[np.float64], labels: NDArray[np.int64], coverage: float) -> float:
    """The accuracy on the most confident ``coverage`` (0-1] of the tracks."""
    _, accuracy, _ = coverage_curve(probabilities, labels)
    return float(accuracy[max(round(coverage * len(labels)), 1) - 1])


def threshold_at_coverage(probabilities: NDArray[np.float64], labels: NDArray[np.int64], coverage: float) -> float:
    """The top probability that ``coverage`` of the tracks reach."""
    _, _, threshold = coverage_curve(probabilities, labels)
    return float(threshold[max(round(coverage * len(labels)), 1) - 1])

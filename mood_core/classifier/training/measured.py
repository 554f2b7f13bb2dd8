"""One model's results on one data set: scores, their standard errors, and what lies behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.metrics import Scores, accuracy_at_coverage, confusion, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's results on one data set.

    ``probabilities``: (repeats, n, k) float64, each row predicted while its track was held out. ``standard_errors``:
    of each score, over tracks (bootstrap). ``between_repeats``: standard deviation of accuracy between repeats, points
    of 1. ``confusion``: (k, k), true by predicted, mean over repeats. ``robustness``: the accuracy when the held-out
    tracks' features, and theirs alone, are corrupted, by corruption.
    """

    scores: Scores
    standard_errors: Mapping[str, float]
    between_repeats: float
    accuracy_at_80_coverage: float
    top_two_accuracy: float
    confusion: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    robustness: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The results for machines, without the single predictions."""
        return {
            **asdict(self.scores),
            "standard_errors": dict(self.standard_errors),
            "accuracy_between_repeats": self.between_repeats,
            "accuracy_at_80_coverage": self.accuracy_at_80_coverage,
            "top_two_accuracy": self.top_two_accuracy,
            "confusion": self.confusion.tolist(),
            "robustness": dict(self.robustness),
        }


def measure(probabilities: NDArray[np.float64], tracks: LabelledTracks, seed: int = 0) -> Measured:
    """The scores of (repeats, n, k) ``probabilities``, means over the repeats."""
    labels = tracks.labels
    second = np.sort(probabilities, axis=2)[:, :, -2]
    own = probabilities[:, np.arange(len(labels)), labels]
    accuracies = (probabilities.argmax(axis=2) == labels).mean(axis=1)
    return Measured(
        scores=_mean_scores(probabilities, labels, tracks.classes),
        standard_errors=_standard_errors(probabilities, labels, tracks.classes, seed),
        between_repeats=float(accuracies.std(ddof=1)) if len(accuracies) > 1 else 0.0,
        accuracy_at_80_coverage=float(np.mean([accuracy_at_coverage(one, labels, 0.8) for one in probabilities])),
        top_two_accuracy=float((own >= second).mean()),
        confusion=np.mean([confusion(one, labels) for one in probabilities], axis=0),
        probabilities=probabilities,
    )


def _mean_scores(probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str]) -> Scores:
    parts = [score(one, labels, classes) for one in probabilities]
    return Scores(
        accuracy=float(np.mean([part.accuracy for part in parts])),
        macro_f1=float(np.mean([part.macro_f1 for part in parts])),
        log_loss=float(np.mean([part.log_loss for part in parts])),
        ece=float(np.mean([part.ece for part in parts])),
        recall={name: float(np.mean([part.recall[name] for part in parts])) for name in classes},
    )


def _standard_errors(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str], seed: int
) -> dict[str, float]:
    """Bootstrap over tracks: what another sample of as many tracks would change."""
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        rows = random.integers(0, len(labels), len(labels))
        drawn = _mean_scores(probabilities[:, rows], labels[rows], classes)
        draws.append([drawn.accuracy, drawn.macro_f1, drawn.log_loss, drawn.ece])
    spread = np.std(draws, axis=0, ddof=1)
    return dict(zip(("accuracy", "macro_f1", "log_loss", "ece"), map(float, spread), strict=True))


def mean_accuracy(probabilities: NDArray[np.float64], tracks: LabelledTracks) -> float:
    """The share of right labels among (repeats, n, k) ``probabilities``."""
    return float((probabilities.argmax(axis=2) == tracks.labels).mean())

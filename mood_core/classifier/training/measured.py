"""One model's results on one data set: scores, standard errors, confusion and robustness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.metrics import Scores, accuracy_at_coverage, confusion, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks

RESAMPLES = 200
_NUMBERS = tuple(one.name for one in fields(Scores) if one.name != "recall")


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's results on one data set.

    ``probabilities``: (repeats, n, k) float64, each row predicted while its track was held out. ``standard_errors``:
    of each score, over tracks (bootstrap), or over sources where ``by_source`` is filled: then ``scores`` are the means
    over the sources that have every class. ``between_repeats``: standard deviation of accuracy between repeats, points
    of 1. ``confusion``: (k, k), true by predicted, mean over repeats. ``robustness``: the accuracy when the held-out
    tracks' features, and theirs alone, are changed, by change.
    """

    scores: Scores
    standard_errors: Mapping[str, float]
    between_repeats: float
    accuracy_at_80_coverage: float
    top_two_accuracy: float
    confusion: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    robustness: Mapping[str, float] = field(default_factory=dict)
    by_source: Mapping[str, Scores] = field(default_factory=dict)

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
            "by_source": {name: asdict(scores) for name, scores in self.by_source.items()},
        }


def measure(
    probabilities: NDArray[np.float64], tracks: LabelledTracks, seed: int = 0, *, by_source: bool = False
) -> Measured:
    """The scores of (repeats, n, k) ``probabilities``, means over the repeats; with ``by_source`` also over sources."""
    labels = tracks.labels
    second = np.sort(probabilities, axis=2)[:, :, -2]
    own = probabilities[:, np.arange(len(labels)), labels]
    accuracies = (probabilities.argmax(axis=2) == labels).mean(axis=1)
    sources = scores_by_source(probabilities, tracks) if by_source else {}
    if by_source:
        scores, errors = mean_over_sources([sources[name] for name in full_sources(tracks)])
    else:
        scores = _mean_scores(probabilities, labels, tracks.classes)
        errors = _standard_errors(probabilities, labels, tracks.classes, seed)
    return Measured(
        scores=scores,
        standard_errors=errors,
        between_repeats=float(accuracies.std(ddof=1)) if len(accuracies) > 1 else 0.0,
        accuracy_at_80_coverage=float(np.mean([accuracy_at_coverage(one, labels, 0.8) for one in probabilities])),
        top_two_accuracy=float((own >= second).mean()),
        confusion=np.mean([confusion(one, labels) for one in probabilities], axis=0),
        probabilities=probabilities,
        by_source=sources,
    )


def full_sources(tracks: LabelledTracks) -> list[str]:
    """The sources that could choose from every class; all of them where none could."""
    names, allowed = tracks.source_names(), tracks.allowed()
    found = [str(name) for name in np.unique(names) if allowed[names == name][0].all()]
    return found or [str(name) for name in np.unique(names)]


def scores_by_source(probabilities: NDArray[np.float64], tracks: LabelledTracks) -> dict[str, Scores]:
    """Each source's scores; what it could not choose is taken out of the probabilities first."""
    names, allowed = tracks.source_names(), tracks.allowed()
    result = {}
    for name in np.unique(names):
        mine = names == name
        possible = probabilities[:, mine] * allowed[mine]
        possible /= np.maximum(possible.sum(axis=2, keepdims=True), 1e-300)
        result[str(name)] = _mean_scores(possible, tracks.labels[mine], tracks.classes)
    return result


def mean_over_sources(parts: Sequence[Scores]) -> tuple[Scores, dict[str, float]]:
    """The means of ``parts``, and the standard errors over them (0 for a single one)."""
    columns = {name: np.array([getattr(part, name) for part in parts]) for name in _NUMBERS}
    count = len(parts)
    errors = {
        name: float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0 for name, values in columns.items()
    }
    return _mean(parts), errors


def _mean_scores(probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str]) -> Scores:
    return _mean([score(one, labels, classes) for one in probabilities])


def _mean(parts: Sequence[Scores]) -> Scores:
    names = dict.fromkeys(name for part in parts for name in part.recall)
    recall = {name: float(np.mean([part.recall[name] for part in parts if name in part.recall])) for name in names}
    return Scores(**{name: float(np.mean([getattr(part, name) for part in parts])) for name in _NUMBERS}, recall=recall)


def _standard_errors(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str], seed: int
) -> dict[str, float]:
    """Bootstrap over tracks: what another sample of as many tracks would change."""
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        rows = random.integers(0, len(labels), len(labels))
        drawn = _mean_scores(probabilities[:, rows], labels[rows], classes)
        draws.append([getattr(drawn, name) for name in _NUMBERS])
    return dict(zip(_NUMBERS, map(float, np.std(draws, axis=0, ddof=1)), strict=True))


def mean_accuracy(probabilities: NDArray[np.float64], tracks: LabelledTracks, *, by_source: bool = False) -> float:
    """The share of right labels of (repeats, n, k) ``probabilities``; ``by_source``: the mean over full sources."""
    right = (probabilities.argmax(axis=2) == tracks.labels).mean(axis=0)
    if not by_source:
        return float(right.mean())
    names = tracks.source_names()
    return float(np.mean([right[names == name].mean() for name in full_sources(tracks)]))

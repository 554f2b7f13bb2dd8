"""The protocol: repeated stratified K-fold cross-validation of the whole recipe, beside baselines on the same folds.

Nothing is fitted outside a fold's training tracks: neither quantile maps nor networks, temperature or scalers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.baselines import BASELINES
from mood_core.classifier.training.ensemble import TrainingSet, fit_ensembles
from mood_core.classifier.training.folds import Fold, make_folds
from mood_core.classifier.training.metrics import Scores, accuracy_at_coverage, confusion, score
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier
    from mood_core.classifier.training.data import LabelledTracks

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done, 0–1."""

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's results on one data set.

    ``probabilities``: (repeats, n, k) float64, each row predicted while its track was held out. ``standard_errors``:
    of each score, over tracks (bootstrap). ``between_repeats``: standard deviation of accuracy between repeats, points
    of 1. ``confusion``: (k, k), true by predicted, mean over repeats.
    """

    scores: Scores
    standard_errors: Mapping[str, float]
    between_repeats: float
    accuracy_at_80_coverage: float
    top_two_accuracy: float
    confusion: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def as_json(self) -> dict[str, Any]:
        """The results for machines, without the single predictions."""
        return {
            **asdict(self.scores),
            "standard_errors": dict(self.standard_errors),
            "accuracy_between_repeats": self.between_repeats,
            "accuracy_at_80_coverage": self.accuracy_at_80_coverage,
            "top_two_accuracy": self.top_two_accuracy,
            "confusion": self.confusion.tolist(),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's results and its baselines', with the protocol they share."""

    measured: Measured
    protocol: Mapping[str, Any]
    baselines: Mapping[str, Measured] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """One object: the scores, ``protocol``, and the same scores under ``baselines.<name>``."""
        baselines = {name: measured.as_json() for name, measured in self.baselines.items()}
        return {**self.measured.as_json(), "baselines": baselines, "protocol": dict(self.protocol)}


def evaluate_recipe(
    tracks: LabelledTracks,
    *,
    recipe: Recipe | None = None,
    folds: int = 10,
    repeats: int = 5,
    seed: int = 0,
    by_artist: bool = False,
    baselines: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Cross-validate ``recipe`` (None: the bundled model's) on ``tracks``; ``by_artist`` keeps artists together.

    Raises:
        InputError: too few tracks of a class, or artists, for that many folds, or no artists in the file.
    """
    splits = _splits(tracks, folds, repeats, seed, by_artist=by_artist)
    chosen = Recipe() if recipe is None else recipe

    def fit(sets: Sequence[TrainingSet], repeat: int, report: Callable[[float], None]) -> list[Any]:
        return [ensemble.predict for ensemble in fit_ensembles(sets, chosen, _seed_of(seed, repeat), report)]

    probabilities = out_of_fold(tracks, splits, fit, _named(progress, "recipe"))
    return Evaluation(
        measure(probabilities, tracks, seed),
        _protocol(tracks, folds, repeats, seed, by_artist=by_artist),
        _baselines(tracks, splits, seed, progress) if baselines else {},
    )


def evaluate_model(
    classifier: Classifier,
    tracks: LabelledTracks,
    *,
    folds: int = 10,
    repeats: int = 5,
    seed: int = 0,
    by_artist: bool = False,
    baselines: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a saved model on ``tracks``; the baselines are cross-validated there, where the tracks suffice.

    ``protocol.trained_on_this_file`` tells that the model has seen these very tracks, so its scores are no measure.
    """
    probabilities = classifier.predict(tracks.matrix).astype(np.float64)[None]
    protocol = {
        "kind": "saved model",
        "model_version": classifier.model_version,
        "data": {"file": tracks.name, "sha256": tracks.sha256, "tracks": len(tracks)},
        "trained_on_this_file": classifier.card.training.get("sha256") == tracks.sha256,
    }
    found: Mapping[str, Measured] = {}
    if baselines and min(tracks.counts().values()) >= folds:
        splits = _splits(tracks, folds, repeats, seed, by_artist=by_artist)
        found = _baselines(tracks, splits, seed, progress)
    return Evaluation(measure(probabilities, tracks, seed), protocol, found)


def out_of_fold(
    tracks: LabelledTracks,
    splits: Sequence[Fold],
    fit: Callable[[Sequence[TrainingSet], int, Callable[[float], None]], list[Any]],
    report: Callable[[float], None],
) -> NDArray[np.float64]:
    """(repeats, n, k) float64: predictions for each track by the model of the fold that left it out.

    ``fit`` is given a repeat's training sets, its number and where to report progress; it returns predict functions.
    """
    repeats = 1 + max(split.repeat for split in splits)
    result = np.empty((repeats, len(tracks), len(tracks.classes)))
    for repeat in range(repeats):
        own = [split for split in splits if split.repeat == repeat]
        predicts = fit([_training_set(tracks, split) for split in own], repeat, _part(report, repeat, repeats))
        for split, predict in zip(own, predicts, strict=True):
            result[repeat, split.test] = predict(tracks.matrix[split.test])
    report(1.0)
    return result


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


def _seed_of(seed: int, repeat: int) -> int:
    """Every repeat starts its networks elsewhere, so that the luck of a start averages out too."""
    return seed + 1_000 * repeat


def _splits(tracks: LabelledTracks, folds: int, repeats: int, seed: int, *, by_artist: bool) -> list[Fold]:
    if by_artist and tracks.artists is None:
        raise InputError(f"{tracks.name} has no artist column to group by; add one or leave --group-by out")
    return make_folds(tracks.labels, folds, repeats, seed, tracks.artists if by_artist else None)


def _baselines(
    tracks: LabelledTracks, splits: Sequence[Fold], seed: int, progress: Progress | None
) -> dict[str, Measured]:
    result = {}
    for name, fit in BASELINES.items():

        def fit_all(sets: Sequence[TrainingSet], repeat: int, _: Any, fit: Any = fit) -> list[Any]:
            return list(fit(sets, _seed_of(seed, repeat)))

        result[name] = measure(out_of_fold(tracks, splits, fit_all, _named(progress, name)), tracks, seed)
    return result


def _training_set(tracks: LabelledTracks, split: Fold) -> TrainingSet:
    return TrainingSet(tracks.matrix[split.train], tracks.labels[split.train], len(tracks.classes))


def _named(progress: Progress | None, name: str) -> Callable[[float], None]:
    return (lambda share: progress(name, share)) if progress is not None else (lambda _: None)


def _part(report: Callable[[float], None], number: int, parts: int) -> Callable[[float], None]:
    report(number / parts)
    return lambda share: report((number + share) / parts)


def _protocol(tracks: LabelledTracks, folds: int, repeats: int, seed: int, *, by_artist: bool) -> dict[str, Any]:
    return {
        "kind": "repeated stratified k-fold" + (" with artists kept together" if by_artist else ""),
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
        "group_by": "artist" if by_artist else None,
        "standard_errors": f"bootstrap over tracks, {RESAMPLES} resamples",
        "data": {"file": tracks.name, "sha256": tracks.sha256, "tracks": len(tracks)},
    }

"""The protocol: repeated stratified K-fold cross-validation of the whole recipe, beside baselines on the same folds.

Nothing is fitted outside a fold's training tracks: neither quantile maps nor networks, temperature or scalers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.baselines import BASELINES
from mood_core.classifier.training.corruptions import corruptions
from mood_core.classifier.training.ensemble import TrainingSet, fit_ensembles
from mood_core.classifier.training.folds import Fold, make_folds
from mood_core.classifier.training.measured import RESAMPLES, Measured, mean_accuracy, measure
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier
    from mood_core.classifier.training.data import LabelledTracks

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done, 0–1."""

Fit = Callable[["Sequence[TrainingSet]", int, Callable[[float], None]], list[Any]]
"""Fits a repeat's training sets, given its number and where to report progress; returns predict functions."""


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

    return Evaluation(
        _cross_validated(tracks, splits, fit, seed, _named(progress, "recipe")),
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
    robustness = {
        name: mean_accuracy(classifier.predict(corrupt(tracks.matrix))[None].astype(np.float64), tracks)
        for name, corrupt in corruptions(tracks.matrix).items()
    }
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
    return Evaluation(replace(measure(probabilities, tracks, seed), robustness=robustness), protocol, found)


def out_of_fold(
    tracks: LabelledTracks,
    splits: Sequence[Fold],
    fit: Fit,
    report: Callable[[float], None] = lambda _: None,
) -> NDArray[np.float64]:
    """(repeats, n, k) float64: predictions for each track by the model of the fold that left it out."""
    repeats = 1 + max(split.repeat for split in splits)
    result = np.empty((repeats, len(tracks), len(tracks.classes)))
    for repeat in range(repeats):
        own = [split for split in splits if split.repeat == repeat]
        predicts = fit([_training_set(tracks, split) for split in own], repeat, _part(report, repeat, repeats))
        for split, predict in zip(own, predicts, strict=True):
            result[repeat, split.test] = predict(tracks.matrix[split.test])
    report(1.0)
    return result


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

        result[name] = _cross_validated(tracks, splits, fit_all, seed, _named(progress, name))
    return result


def _cross_validated(
    tracks: LabelledTracks, splits: Sequence[Fold], fit: Fit, seed: int, report: Callable[[float], None]
) -> Measured:
    fitted: dict[int, list[Any]] = {}

    def remember(sets: Sequence[TrainingSet], repeat: int, part: Callable[[float], None]) -> list[Any]:
        fitted[repeat] = fit(sets, repeat, part)
        return fitted[repeat]

    def recall(_sets: Sequence[TrainingSet], repeat: int, _part: Callable[[float], None]) -> list[Any]:
        return fitted[repeat]

    measured = measure(out_of_fold(tracks, splits, remember, report), tracks, seed)
    accuracies = {
        name: mean_accuracy(out_of_fold(replace(tracks, matrix=corrupt(tracks.matrix)), splits, recall), tracks)
        for name, corrupt in corruptions(tracks.matrix).items()
    }
    return replace(measured, robustness=accuracies)


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

"""The protocols: leave one source out, and repeated stratified K-fold, of the whole recipe beside baselines.

Nothing is fitted outside a split's training tracks, and no recording is on both of its sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mood_core.classifier.training.baselines import BASELINES
from mood_core.classifier.training.corruptions import corruptions
from mood_core.classifier.training.folds import Fold, artist_groups, make_folds, source_folds
from mood_core.classifier.training.measured import RESAMPLES, Measured, full_sources, mean_accuracy, measure
from mood_core.classifier.training.model import TrainingSet, fit_model, training_set
from mood_core.classifier.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier
    from mood_core.classifier.training.data import LabelledTracks

GroupBy = Literal["artist", "source"]

Progress = Callable[[str, float], None]
"""Receives the name of a step and its completed share, 0–1."""

Predict = Callable[["NDArray[np.float32]"], "NDArray[np.float64]"]
Fit = Callable[[TrainingSet], Predict]
"""Fits a training set; returns a predict function."""


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
    group_by: GroupBy | None = None,
    baselines: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Cross-validate ``recipe`` (None: the bundled model's) on ``tracks``.

    ``group_by`` ``source`` leaves one source out at a time, ``artist`` keeps artists together in the folds.

    Raises:
        InputError: too few tracks of a class, artists or sources, or the file has no column of them.
    """
    splits = make_splits(tracks, folds, repeats, seed, group_by)
    by_source = group_by == "source"
    fit = recipe_fit(Recipe() if recipe is None else recipe)
    found = {"recipe": fit, **(BASELINES if baselines else {})}
    results = {
        name: _cross_validated(tracks, splits, one, seed, named(progress, name), by_source=by_source)
        for name, one in found.items()
    }
    protocol = _protocol(tracks, folds, repeats, seed, group_by)
    return Evaluation(results.pop("recipe"), protocol, results)


def recipe_fit(recipe: Recipe) -> Fit:
    """How ``recipe`` fits a training set."""
    return lambda training: fit_model(training, recipe).predict


def evaluate_model(
    classifier: Classifier,
    tracks: LabelledTracks,
    *,
    seed: int = 0,
    group_by: GroupBy | None = None,
) -> Evaluation:
    """Measure a saved model on ``tracks``, with ``group_by`` ``source`` by source and on average over them."""
    by_source = group_by == "source"
    probabilities = classifier.predict(tracks.matrix).astype(np.float64)[None]
    robustness = {
        name: mean_accuracy(
            classifier.predict(corrupt(tracks.matrix))[None].astype(np.float64), tracks, by_source=by_source
        )
        for name, corrupt in corruptions(tracks.matrix).items()
    }
    protocol = {"kind": "saved model", "model_version": classifier.model_version, "data": _data(tracks)}
    measured = measure(probabilities, tracks, seed, by_source=by_source)
    return Evaluation(replace(measured, robustness=robustness), protocol)


def make_splits(tracks: LabelledTracks, folds: int, repeats: int, seed: int, group_by: GroupBy | None) -> list[Fold]:
    """The splits of a protocol.

    Raises:
        InputError: the tracks do not suffice for it.
    """
    if group_by == "source":
        return source_folds(tracks.source_names(), tracks.recordings())
    groups = artist_groups(tracks) if group_by == "artist" else tracks.recordings()
    return make_folds(tracks.labels, folds, repeats, seed, groups)


def out_of_fold(
    tracks: LabelledTracks, splits: Sequence[Fold], fit: Fit, report: Callable[[float], None] = lambda _: None
) -> NDArray[np.float64]:
    """(repeats, n, k) float64: predictions for each row by the model of the split that left it out."""
    return _predicted(tracks, tracks.matrix, splits, _fitted(tracks, splits, fit, report))


def _fitted(tracks: LabelledTracks, splits: Sequence[Fold], fit: Fit, report: Callable[[float], None]) -> list[Predict]:
    result = []
    for number, split in enumerate(splits):
        report(number / len(splits))
        result.append(fit(training_set(tracks.take(split.train))))
    report(1.0)
    return result


def _predicted(
    tracks: LabelledTracks, matrix: NDArray[np.float32], splits: Sequence[Fold], predicts: Sequence[Predict]
) -> NDArray[np.float64]:
    result = np.empty((1 + max(split.repeat for split in splits), len(tracks), len(tracks.classes)))
    for split, predict in zip(splits, predicts, strict=True):
        result[split.repeat, split.test] = predict(matrix[split.test])
    return result


def _cross_validated(
    tracks: LabelledTracks,
    splits: Sequence[Fold],
    fit: Fit,
    seed: int,
    report: Callable[[float], None],
    *,
    by_source: bool,
) -> Measured:
    predicts = _fitted(tracks, splits, fit, report)
    measured = measure(_predicted(tracks, tracks.matrix, splits, predicts), tracks, seed, by_source=by_source)
    accuracies = {
        name: mean_accuracy(_predicted(tracks, corrupt(tracks.matrix), splits, predicts), tracks, by_source=by_source)
        for name, corrupt in corruptions(tracks.matrix).items()
    }
    return replace(measured, robustness=accuracies)


def named(progress: Progress | None, name: str) -> Callable[[float], None]:
    """``progress`` of the part ``name``, as a function of the share that is done."""
    return (lambda share: progress(name, share)) if progress is not None else (lambda _: None)


def _data(tracks: LabelledTracks) -> dict[str, Any]:
    return {"file": tracks.name, "sha256": tracks.sha256, "tracks": len(tracks)}


def _protocol(tracks: LabelledTracks, folds: int, repeats: int, seed: int, group_by: GroupBy | None) -> dict[str, Any]:
    if group_by == "source":
        sources = full_sources(tracks)
        return {
            "kind": "leave one source out",
            "group_by": "source",
            "sources": sources,
            "standard_errors": f"over {len(sources)} sources",
            "data": _data(tracks),
        }
    return {
        "kind": "repeated stratified k-fold" + (" with artists kept together" if group_by else ""),
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
        "group_by": group_by,
        "standard_errors": f"bootstrap over tracks, {RESAMPLES} resamples",
        "data": _data(tracks),
    }

"""A public benchmark: frozen labels of frozen curators by hash, canaries, confidence intervals and a results file.

The data are not part of the project. The results count rows that are not among the frozen hashes, and frozen rows that
are absent.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.evaluation import make_splits, named, out_of_fold, recipe_fit
from mood_core.classifier.training.folds import Fold
from mood_core.classifier.training.measured import full_sources, mean_over_sources, scores_by_source
from mood_core.classifier.training.metrics import log_losses
from mood_core.classifier.training.model import training_set
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.evaluation import Fit, Progress
    from mood_core.classifier.training.metrics import Scores

PROTOCOL = "public-1"
FROZEN = Path(__file__).with_name("public_protocol.bin")
"""The sorted little-endian uint64 hashes of the frozen labels."""

SCORES = ("accuracy", "balanced_accuracy", "log_loss", "ece", "wrong_and_confident")
_FOLDS = 5
_RESAMPLES = 200
_FEWEST_SHARE = 0.99
_LUCK = 0.02
"""By so much, permuted labels may do better than a guess."""


def frozen_hashes() -> NDArray[np.uint64]:
    """The hashes of the frozen labels of ten public curators."""
    return np.fromfile(FROZEN, dtype="<u8").astype(np.uint64)


def label_hashes(tracks: LabelledTracks) -> NDArray[np.uint64]:
    """(n,) uint64: a hash of each label: source in lower case, features to three decimals (the row's key) and mood."""
    rows = zip(tracks.source_names(), tracks.keys, tracks.labels, strict=True)
    texts = [f"{source.casefold()}|{keys[-1]}|{tracks.classes[label]}" for source, keys, label in rows]
    return np.array([int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts], np.uint64)


def frozen_tracks(tracks: LabelledTracks, frozen: NDArray[np.uint64]) -> tuple[LabelledTracks, dict[str, int]]:
    """The rows of ``tracks`` that are frozen, and how many are ``found``, ``absent`` and ``other``.

    Raises:
        InputError: more than 1% of the frozen labels are absent.
    """
    known = np.isin(label_hashes(tracks), frozen)
    counts = {"found": int(known.sum()), "absent": len(frozen) - int(known.sum()), "other": int((~known).sum())}
    if counts["found"] < _FEWEST_SHARE * len(frozen):
        raise InputError(
            f"{tracks.name} has {counts['found']:,} of the {len(frozen):,} labels of the protocol {PROTOCOL}; collect "
            "the repositories that docs/model.md names and give the columns id, source, mood and the features"
        )
    return tracks.take(known), counts


def frozen_folds(tracks: LabelledTracks) -> list[Fold]:
    """Five folds that depend on nothing but the labels' hashes; a recording is never in two of them."""
    recordings = tracks.recordings()
    hashes = label_hashes(tracks)
    lowest = {number: int(hashes[recordings == number].min()) for number in np.unique(recordings)}
    place = np.array([lowest[number] % _FOLDS for number in recordings])
    return [Fold(0, fold, np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(_FOLDS)]


def run_protocol(
    tracks: LabelledTracks,
    frozen: NDArray[np.uint64],
    *,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The results of ``recipe`` (None: the bundled model's) under the frozen protocol, ready to be submitted as JSON.

    Raises:
        InputError: the tracks are not those of the protocol.
    """
    chosen, counts = frozen_tracks(tracks, frozen)
    settings = Recipe() if recipe is None else recipe
    fit = recipe_fit(settings)
    splits = make_splits(chosen, _FOLDS, 1, 0, "source")
    strangers = out_of_fold(chosen, splits, fit, named(progress, "strangers"))
    inside = out_of_fold(chosen, frozen_folds(chosen), fit, named(progress, "inside"))
    return {
        "protocol": PROTOCOL,
        "labels": counts,
        "recipe": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "strangers": _results(strangers, chosen),
        "inside": _results(inside, chosen),
        "canaries": canaries(chosen, splits, strangers[0], fit),
    }


def _results(probabilities: NDArray[np.float64], tracks: LabelledTracks) -> dict[str, Any]:
    by_source = scores_by_source(probabilities, tracks)
    mean, errors = mean_over_sources([by_source[name] for name in full_sources(tracks)])
    intervals = _intervals(probabilities, tracks)
    return {
        "mean": {name: round(getattr(mean, name), 5) for name in SCORES},
        "interval_95": {name: [round(value, 5) for value in intervals[name]] for name in SCORES},
        "standard_error_over_curators": {name: round(errors[name], 5) for name in SCORES},
        "by_curator": {source: _numbers(scores) for source, scores in by_source.items()},
    }


def _numbers(scores: Scores) -> dict[str, Any]:
    recall = {mood: round(value, 5) for mood, value in scores.recall.items()}
    return {**{name: round(getattr(scores, name), 5) for name in SCORES}, "recall": recall}


def _intervals(probabilities: NDArray[np.float64], tracks: LabelledTracks) -> dict[str, tuple[float, float]]:
    """95% bootstrap intervals of the means over curators, by drawing tracks within each full curator again."""
    random, names, draws = np.random.default_rng(0), tracks.source_names(), []
    rows_of = [np.flatnonzero(names == name) for name in full_sources(tracks)]
    for _ in range(_RESAMPLES):
        rows = np.concatenate([random.choice(rows, len(rows)) for rows in rows_of])
        drawn = replace(tracks.take(rows), keys=())
        mean, _ = mean_over_sources(list(scores_by_source(probabilities[:, rows], drawn).values()))
        draws.append([getattr(mean, name) for name in SCORES])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return {name: (float(low[place]), float(high[place])) for place, name in enumerate(SCORES)}


def canaries(
    tracks: LabelledTracks, splits: list[Fold], probabilities: NDArray[np.float64], fit: Fit
) -> dict[str, dict[str, Any]]:
    """What a sound measurement must show for each curator left out, from (n, k) ``probabilities`` of ``fit``.

    Each has its value by curator, and ``passed`` if every curator passes.
    """
    found: dict[str, dict[str, Any]] = {}
    for split in splits:
        honest, source = probabilities[split.test], str(tracks.source_names()[split.test[0]])
        for name, (value, passed) in {
            "permuted_labels": _permuted(tracks, split, fit),
            "swapped_names": _swapped(tracks, split, fit, honest),
            "duplicated_rows": _duplicated(tracks, split, fit, honest),
            "leaky_recipe": _leaky(tracks, split),
        }.items():
            one = found.setdefault(name, {"measures": _MEASURES[name], "passed": True, "by_curator": {}})
            one["by_curator"][source] = round(value, 5)
            one["passed"] &= passed
    return found


_MEASURES = {
    "permuted_labels": "log loss above that of a guess",
    "swapped_names": "largest difference of a probability",
    "duplicated_rows": "largest difference of a probability",
    "leaky_recipe": "accuracy",
}


def _permuted(tracks: LabelledTracks, split: Fold, fit: Fit) -> tuple[float, bool]:
    """Labels in a random order within each curator teach nothing: the log loss is not below that of a guess."""
    random, names, labels = np.random.default_rng(0), tracks.source_names(), tracks.labels.copy()
    for name in np.unique(names):
        labels[names == name] = random.permutation(labels[names == name])
    shuffled = replace(tracks, labels=labels)
    possible = tracks.allowed()[split.test]
    found = fit(training_set(shuffled.take(split.train)))(tracks.matrix[split.test]) * possible
    losses = log_losses(found / found.sum(axis=1, keepdims=True), tracks.labels[split.test])
    value = float((losses - np.log(possible.sum(axis=1))).mean())
    return value, value > -_LUCK


def _swapped(tracks: LabelledTracks, split: Fold, fit: Fit, honest: NDArray[np.float64]) -> tuple[float, bool]:
    """With the names of the first and the last mood exchanged in training, so are the predictions."""
    swap = np.arange(len(tracks.classes))
    swap[[0, -1]] = swap[[-1, 0]]
    renamed = replace(tracks, labels=swap[tracks.labels])
    found = fit(training_set(renamed.take(split.train)))(tracks.matrix[split.test])
    difference = float(np.abs(found[:, swap] - honest).max())
    return difference, difference < 0.01


def _duplicated(tracks: LabelledTracks, split: Fold, fit: Fit, honest: NDArray[np.float64]) -> tuple[float, bool]:
    """The test tracks under another curator and other ids change nothing: their features are recognised."""
    copies = tracks.take(split.test)
    names = np.concatenate([tracks.source_names(), np.full(len(copies), "copy")])
    both = replace(
        tracks,
        matrix=np.concatenate([tracks.matrix, copies.matrix]),
        labels=np.concatenate([tracks.labels, copies.labels]),
        sources=tuple(str(name) for name in names),
        artists=None,
        keys=(*tracks.keys, *(keys[-1:] for keys in copies.keys)),
    )
    again = next(one for one in make_splits(both, _FOLDS, 1, 0, "source") if one.test[0] == split.test[0])
    found = fit(training_set(both.take(again.train)))(tracks.matrix[split.test])
    difference = float(np.abs(found - honest).max())
    return difference, difference < 1e-6


def _leaky(tracks: LabelledTracks, split: Fold) -> tuple[float, bool]:
    """A recipe that has seen the test tracks is far above what two curators agree on, so it is detected."""
    from sklearn.neighbors import KNeighborsClassifier

    filled = np.nan_to_num(tracks.matrix[split.test])
    found = KNeighborsClassifier(1).fit(filled, tracks.labels[split.test]).predict(filled)
    value = float((found == tracks.labels[split.test]).mean())
    return value, value > 0.95

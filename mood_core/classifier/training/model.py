"""Fitting the recipe: the preprocessing and one softmax regression, both from the training tracks alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.training.encoder import Encoder, fit_encoder, pairs
from mood_core.domain.softmax import WeightedRows, fit_softmax, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.recipe import Recipe

_CONSTANT_PENALTY = 1e-6


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """(n, 10) float32 raw features, (n,) int64 labels, (n, k) the classes each row could have had, (n,) weights."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    weights: NDArray[np.float64]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.allowed.shape[1])


@dataclass(frozen=True, slots=True)
class MoodModel:
    """A fitted recipe, ready to predict or to be saved. ``coefficients`` (p, k) include the temperature."""

    encoder: Encoder
    coefficients: NDArray[np.float64]
    recipe: Recipe

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, k) float64 probabilities of an (n, 10) float32 ``matrix`` of raw features."""
        return softmax(self.encoder.inputs(matrix) @ self.coefficients)


def training_set(tracks: LabelledTracks) -> TrainingSet:
    """All of ``tracks``, every source and mood with the same weight, the moods of a track sharing its own."""
    return TrainingSet(tracks.matrix, tracks.labels, tracks.allowed(), balanced_weights(tracks))


def balanced_weights(tracks: LabelledTracks) -> NDArray[np.float64]:
    """(n,) float64 summing to 1: every mood of every source weighs the same."""
    shares = tracks.shares()
    source = np.unique(tracks.source_names(), return_inverse=True)[1]
    cell = source * len(tracks.classes) + tracks.labels
    weights = shares / np.bincount(cell, weights=shares)[cell]
    return np.asarray(weights / weights.sum())


def fit_model(training: TrainingSet, recipe: Recipe) -> MoodModel:
    """The recipe fitted to ``training``; the same data and recipe give the same model."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    encoder = fit_encoder(training.matrix, training.weights)
    matrix, rows, weights = _with_missing_durations(training, recipe.duration_missing)
    penalties = _penalties(matrix.shape[1], recipe)
    # One thread: the sums are then in one order on every machine, and busy machines are not slowed by waiting threads.
    with threadpool_limits(limits=1):
        inputs = encoder.inputs(matrix)
        coefficients = fit_softmax(
            WeightedRows(inputs, training.labels[rows], training.allowed[rows], weights, penalties)
        )
    return MoodModel(encoder, coefficients / recipe.temperature, recipe)


def _with_missing_durations(
    training: TrainingSet, share: float
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Every row with a duration twice: with it, and for ``share`` of its weight without it."""
    known = np.flatnonzero(~np.isnan(training.matrix[:, -1]))
    without = training.matrix[known].copy()
    without[:, -1] = np.nan
    kept = training.weights.copy()
    kept[known] *= 1 - share
    rows = np.concatenate([np.arange(len(training.labels)), known])
    return np.concatenate([training.matrix, without]), rows, np.concatenate([kept, training.weights[known] * share])


def _penalties(features: int, recipe: Recipe) -> NDArray[np.float64]:
    first, second = pairs(features)
    groups = [
        np.full(features, recipe.l2_quantiles),
        np.full(features - 1, recipe.l2_values),
        recipe.l2_products * np.where(first == second, 2.0, 1.0),  # a square varies twice as much as a product
        np.array([recipe.l2_missing, _CONSTANT_PENALTY]),
    ]
    return np.concatenate(groups)

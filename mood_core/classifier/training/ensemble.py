"""Fitting the recipe: quantile maps, networks and temperature, each from the training tracks alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.training.calibration import fit_temperature, mean_probabilities
from mood_core.classifier.training.encoder import QuantileEncoder, fit_encoder
from mood_core.classifier.training.folds import make_folds
from mood_core.classifier.training.network import Members, Optimisation, train_side_by_side
from mood_core.classifier.training.recipe import Recipe, blurred, shuffled_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SIDE_BY_SIDE = 10
"""Networks trained as one; more would outgrow a processor's cache."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """(n, 10) float32 raw features and (n,) int64 labels below ``classes``."""

    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: int


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A fitted recipe, ready to judge or to be saved."""

    encoder: QuantileEncoder
    members: Members
    temperature: float = 1.0

    def logits(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, m, k) float32: each member's logits, before the temperature."""
        return self.members.logits(self.encoder.encode(matrix))

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, k) float64 probabilities of an (n, 10) float32 ``matrix`` of raw features."""
        return mean_probabilities(self.logits(matrix), self.temperature)


def fit_ensembles(
    sets: Sequence[TrainingSet], recipe: Recipe, seed: int, progress: Callable[[float], None] | None = None
) -> list[Ensemble]:
    """The recipe fitted to each of ``sets``, nothing shared between them; ``progress`` is told the share done, 0–1.

    The temperature comes from predictions for tracks left out of an inner cross-validation of the same set.
    """
    inner, held_out = _inner_sets(sets, recipe, seed)
    report = _Shares(progress, [len(sets), len(inner)])
    ensembles = _fit_uncalibrated(sets, recipe, seed, report)
    inner_ensembles = _fit_uncalibrated(inner, replace(recipe, members=recipe.calibration_members), seed + 1, report)
    result = []
    for number, (ensemble, training) in enumerate(zip(ensembles, sets, strict=True)):
        own = slice(number * recipe.calibration_folds, (number + 1) * recipe.calibration_folds)
        logits = np.concatenate(
            [
                fitted.logits(training.matrix[rows])
                for fitted, rows in zip(inner_ensembles[own], held_out[own], strict=True)
            ]
        )
        labels = np.concatenate([training.labels[rows] for rows in held_out[own]])
        result.append(replace(ensemble, temperature=fit_temperature(logits, labels)))
    return result


def _inner_sets(
    sets: Sequence[TrainingSet], recipe: Recipe, seed: int
) -> tuple[list[TrainingSet], list[NDArray[np.int64]]]:
    inner, held_out = [], []
    for training in sets:
        for fold in make_folds(training.labels, recipe.calibration_folds, 1, seed):
            inner.append(replace(training, matrix=training.matrix[fold.train], labels=training.labels[fold.train]))
            held_out.append(fold.test)
    return inner, held_out


class _Shares:
    """Turns the progress of several fits, weighted by the networks in each, into one share."""

    def __init__(self, progress: Callable[[float], None] | None, networks: Sequence[int]) -> None:
        self._progress, self._total, self._done = progress, sum(networks), 0

    def within(self, networks: int) -> Callable[[float], None]:
        """The report of a fit of ``networks`` networks that starts now."""
        start = self._done
        self._done += networks

        def report(share: float) -> None:
            if self._progress is not None:
                self._progress((start + share * networks) / self._total)

        return report


def _fit_uncalibrated(sets: Sequence[TrainingSet], recipe: Recipe, seed: int, shares: _Shares) -> list[Ensemble]:
    """Fit those of equal length in steps side by side; results in the order of ``sets``."""
    by_steps: dict[int, list[int]] = {}
    for number, training in enumerate(sets):
        by_steps.setdefault(recipe.steps(len(training.labels)), []).append(number)
    fitted: dict[int, Ensemble] = {}
    for steps, numbers in sorted(by_steps.items()):
        for start in range(0, len(numbers), SIDE_BY_SIDE):
            chosen = numbers[start : start + SIDE_BY_SIDE]
            report = shares.within(len(chosen))
            fitted |= dict(
                zip(chosen, _fit_chosen([sets[n] for n in chosen], recipe, steps, seed, report), strict=True)
            )
    return [fitted[number] for number in range(len(sets))]


def _fit_chosen(
    sets: Sequence[TrainingSet], recipe: Recipe, steps: int, seed: int, report: Callable[[float], None]
) -> list[Ensemble]:
    encoders = [fit_encoder(training.matrix) for training in sets]
    streams = [
        _stream(training, encoder, recipe, steps, np.random.default_rng([seed, number]))
        for number, (training, encoder) in enumerate(zip(sets, encoders, strict=True))
    ]
    inputs, targets = (np.stack(parts, axis=2) for parts in zip(*streams, strict=True))
    optimisation = Optimisation(
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        cosine_decay=True,
        dropout=recipe.dropout,
        l2=recipe.l2,
    )
    members = train_side_by_side(
        inputs,
        targets,
        members=recipe.members,
        hidden=recipe.hidden,
        optimisation=optimisation,
        seed=seed,
        progress=report,
    )
    return [Ensemble(encoder, fitted) for encoder, fitted in zip(encoders, members, strict=True)]


def _stream(
    training: TrainingSet, encoder: QuantileEncoder, recipe: Recipe, steps: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All batches of a training: (steps, batch, f + 1) encoded inputs and (steps, batch, k) one-hot targets."""
    rows = shuffled_rows(len(training.labels), recipe.batch, steps, random)
    inputs = encoder.encode(blurred(training.matrix[rows], recipe, random))
    targets = np.eye(training.classes, dtype=np.float32)[training.labels[rows]]
    return inputs.reshape(steps, recipe.batch, -1), targets.reshape(steps, recipe.batch, -1)

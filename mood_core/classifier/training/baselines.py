"""What the recipe is measured against, trained on the same folds."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.calibration import mean_probabilities
from mood_core.classifier.training.network import Optimisation, train_side_by_side
from mood_core.classifier.training.recipe import shuffled_rows, steps_per_epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mood_core.classifier.training.ensemble import TrainingSet

    Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]

MISSION_HIDDEN, MISSION_EPOCHS, MISSION_BATCH = 8, 300, 200
"""The network of the project this one set out from: MinMax scaling, one layer of 8, 300 epochs, batches of 200."""


def fit_majority(sets: Sequence[TrainingSet], seed: int) -> list[Predict]:  # noqa: ARG001 - one signature for all
    """Every track gets the training tracks' class shares."""
    return [_constant(np.bincount(one.labels, minlength=one.classes) / len(one.labels)) for one in sets]


def fit_mission_network(sets: Sequence[TrainingSet], seed: int) -> list[Predict]:
    """The mission's own network, re-made, all sets side by side; a missing duration becomes the median."""
    steps = MISSION_EPOCHS * max(steps_per_epoch(len(one.labels), MISSION_BATCH) for one in sets)
    scalers = [_MinMax(one.matrix) for one in sets]
    streams = [
        _mission_stream(one, scaler, steps, np.random.default_rng([seed, number]))
        for number, (one, scaler) in enumerate(zip(sets, scalers, strict=True))
    ]
    inputs, targets = (np.stack(parts, axis=2) for parts in zip(*streams, strict=True))
    plain_adam = Optimisation(learning_rate=1e-3, weight_decay=0.0, cosine_decay=False, dropout=0.0, l2=0.0)
    networks = train_side_by_side(inputs, targets, members=1, hidden=MISSION_HIDDEN, optimisation=plain_adam, seed=seed)
    return [_network(scaler, network) for scaler, network in zip(scalers, networks, strict=True)]


def fit_logistic_regression(sets: Sequence[TrainingSet], seed: int) -> list[Predict]:
    """Standardised features, L2 of scikit-learn's default strength."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def make() -> Any:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        return make_pipeline(imputer, StandardScaler(), LogisticRegression(max_iter=2_000, random_state=seed))

    return [_sklearn(make(), one) for one in sets]


def fit_gradient_boosting(sets: Sequence[TrainingSet], seed: int) -> list[Predict]:
    """Histogram gradient boosting of shallow trees, which treats missing values itself."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    def make() -> Any:
        return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, learning_rate=0.1, random_state=seed)

    # On so few tracks its threads cost more than they bring.
    with threadpool_limits(limits=1):
        return [_sklearn(make(), one) for one in sets]


BASELINES = {
    "majority": fit_majority,
    "mission_network": fit_mission_network,
    "logistic_regression": fit_logistic_regression,
    "gradient_boosting": fit_gradient_boosting,
}
"""Name → fit; each takes training sets and a seed and gives a predict function for every set."""


class _MinMax:
    """Scales to [0, 1] by the training tracks; outside them values go on, as scikit-learn's scaler does."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without values
            self._median = np.nan_to_num(np.nanmedian(matrix, axis=0))
        filled = self._filled(matrix)
        self._low = filled.min(axis=0)
        width = filled.max(axis=0) - self._low
        self._width = np.where(width > 0, width, 1.0)

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((self._filled(matrix) - self._low) / self._width, dtype=np.float32)

    def _filled(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(np.isnan(matrix), self._median, matrix)


def _mission_stream(
    one: TrainingSet, scaler: _MinMax, steps: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows = shuffled_rows(len(one.labels), MISSION_BATCH, steps, random)
    inputs = scaler(one.matrix[rows]).reshape(steps, MISSION_BATCH, -1)
    targets = np.eye(one.classes, dtype=np.float32)[one.labels[rows]].reshape(steps, MISSION_BATCH, -1)
    return inputs, targets


def _constant(shares: NDArray[np.float64]) -> Predict:
    return lambda matrix: np.tile(shares, (len(matrix), 1))


def _network(scaler: _MinMax, network: Any) -> Predict:
    return lambda matrix: mean_probabilities(network.logits(scaler(matrix)), 1.0)


def _sklearn(model: Any, one: TrainingSet) -> Predict:
    # A column without any value, as durations may be, tells nothing; boosting cannot even bin it.
    known = ~np.isnan(one.matrix).all(axis=0)
    model.fit(one.matrix[:, known], one.labels)

    def predict(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        # A class that a fold happens not to hold gets probability 0.
        result = np.zeros((len(matrix), one.classes))
        result[:, model.classes_] = model.predict_proba(matrix[:, known])
        return result

    return predict

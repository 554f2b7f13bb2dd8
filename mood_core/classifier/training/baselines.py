"""What the recipe is measured against, trained on the same splits with the same weights.

They cannot mask moods, so sources that lack some are left out of their training, where others have all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.model import TrainingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]


def fit_majority(one: TrainingSet) -> Predict:
    """Every track gets the training tracks' class shares, by weight."""
    one = _full(one)
    shares = np.bincount(one.labels, weights=one.weights, minlength=one.classes)
    return lambda matrix: np.tile(shares / shares.sum(), (len(matrix), 1))


def fit_logistic_regression(one: TrainingSet) -> Predict:
    """Standardised features, L2 of scikit-learn's default strength."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    model = make_pipeline(imputer, StandardScaler(), LogisticRegression(max_iter=2_000))
    return _sklearn(model, one, "logisticregression__sample_weight")


def fit_gradient_boosting(one: TrainingSet) -> Predict:
    """Histogram gradient boosting of shallow trees, which treats missing values itself."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, learning_rate=0.1, random_state=0)
    return _sklearn(model, one, "sample_weight")


BASELINES: dict[str, Callable[[TrainingSet], Predict]] = {
    "majority": fit_majority,
    "logistic_regression": fit_logistic_regression,
    "gradient_boosting": fit_gradient_boosting,
}
"""Name → fit; each takes a training set and gives a predict function."""


def _full(one: TrainingSet) -> TrainingSet:
    full = one.allowed.all(axis=1)
    if full.all() or not full.any():
        return one
    return TrainingSet(one.matrix[full], one.labels[full], one.allowed[full], one.weights[full])


def _sklearn(model: Any, one: TrainingSet, weight: str) -> Predict:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    one = _full(one)
    # Boosting cannot bin a column without any value, such as missing durations.
    known = ~np.isnan(one.matrix).all(axis=0)
    # With so few tracks, threads cost more time than they save.
    with threadpool_limits(limits=1):
        model.fit(one.matrix[:, known], one.labels, **{weight: one.weights * len(one.weights)})

    def predict(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        # A class that a split happens not to hold gets probability 0.
        result = np.zeros((len(matrix), one.classes))
        with threadpool_limits(limits=1):
            result[:, model.classes_] = model.predict_proba(matrix[:, known])
        return result

    return predict

"""Whether a new model may take the place of the current one: better under the same protocol, by more than noise.

Both predict the same held-out tracks; the test is on the tracks' differences in log loss, so what is hard about a
track is hard for both and drops out. Accuracy must not fall by more than its own noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.classifier.training.evaluation import evaluate_recipe
from mood_core.classifier.training.metrics import log_losses
from mood_core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier
    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.evaluation import Progress
    from mood_core.classifier.training.recipe import Recipe

SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class PairedTest:
    """New against current on the same n tracks; positive differences are in the new one's favour.

    ``log_loss_gain`` in nats, ``accuracy_gain`` a share, each with its standard error over tracks. ``p_value``: of the
    one-sided paired test that the log-loss gain is not above zero. ``promoted`` is the decision, ``reason`` its words.
    """

    tracks: int
    log_loss_gain: float
    log_loss_gain_se: float
    accuracy_gain: float
    accuracy_gain_se: float
    p_value: float
    promoted: bool
    reason: str


def paired_test(
    new: NDArray[np.float64],
    current: NDArray[np.float64],
    labels: NDArray[np.int64],
    significance: float = SIGNIFICANCE,
) -> PairedTest:
    """Compare (repeats, n, k) held-out probabilities of two models on (n,) ``labels``.

    Raises:
        InputError: the shapes differ, or there are fewer than two tracks.
    """
    if new.shape[1:] != current.shape[1:] or new.shape[1] != len(labels) or len(labels) < 2:
        raise InputError(f"two models are compared on the same tracks: the shapes are {new.shape} and {current.shape}")
    loss_gain, loss_se = _mean_and_error(_track_losses(current, labels) - _track_losses(new, labels))
    hit_gain, hit_se = _mean_and_error(_track_hits(new, labels) - _track_hits(current, labels))
    p_value = _one_sided(loss_gain, loss_se)
    worse = hit_gain < -hit_se
    promoted = p_value < significance and not worse
    return PairedTest(
        len(labels),
        loss_gain,
        loss_se,
        hit_gain,
        hit_se,
        p_value,
        promoted,
        _reason(p_value, significance, worse=worse),
    )


def compare_models(new: Classifier, current: Classifier, tracks: LabelledTracks) -> PairedTest:
    """Compare two saved models on tracks that neither was trained on.

    Raises:
        InputError: one of them was trained on this very file.
    """
    for classifier in (new, current):
        if classifier.card.training.get("sha256") == tracks.sha256:
            raise InputError(
                f"{classifier.model_version} was trained on {tracks.name}; compare the models on tracks new to both"
            )
    return paired_test(_once(new, tracks), _once(current, tracks), tracks.labels)


def compare_recipes(
    new: Recipe,
    current: Recipe,
    tracks: LabelledTracks,
    *,
    folds: int = 10,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> PairedTest:
    """Compare two recipes, cross-validated on the same folds of ``tracks``."""
    settings: dict[str, Any] = {"folds": folds, "repeats": repeats, "seed": seed, "baselines": False}
    first = evaluate_recipe(tracks, recipe=new, progress=progress, **settings)
    second = evaluate_recipe(tracks, recipe=current, progress=progress, **settings)
    return paired_test(first.measured.probabilities, second.measured.probabilities, tracks.labels)


def _once(classifier: Classifier, tracks: LabelledTracks) -> NDArray[np.float64]:
    return classifier.predict(tracks.matrix).astype(np.float64)[None]


def _track_losses(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.mean([log_losses(one, labels) for one in probabilities], axis=0))


def _track_hits(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((probabilities.argmax(axis=2) == labels).mean(axis=0))


def _mean_and_error(differences: NDArray[np.float64]) -> tuple[float, float]:
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))


def _one_sided(gain: float, error: float) -> float:
    """The normal approximation; a difference that never varies is either none at all or certain."""
    if error == 0.0:
        return 0.0 if gain > 0 else 1.0
    return 1.0 - NormalDist().cdf(gain / error)


def _reason(p_value: float, significance: float, *, worse: bool) -> str:
    if p_value >= significance:
        return f"the gain is within noise (p = {p_value:.3f}, {significance:g} is needed)"
    if worse:
        return "the probabilities are better but the accuracy falls by more than its standard error"
    return f"better by more than noise (p = {p_value:.3f})"

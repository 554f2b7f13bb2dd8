"""Whether a new model may replace the current one: better on tracks that are new to both, by more than noise.

Both predict the same tracks; the test is on the tracks' differences in log loss, so the difficulty of a track cancels
out. With several sources the mean over sources decides, because tracks of one source resemble each
other. Accuracy must not fall by more than its own noise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mood_core.classifier.training.evaluation import evaluate_model, make_splits, out_of_fold, recipe_fit
from mood_core.classifier.training.identity import all_hashes, known_rows
from mood_core.classifier.training.metrics import log_losses
from mood_core.classifier.training.recipe import Recipe
from mood_core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier
    from mood_core.classifier.training.data import LabelledTracks
    from mood_core.classifier.training.evaluation import Evaluation, GroupBy

SIGNIFICANCE = 0.05
FEWEST_TRACKS = 50
"""A comparison on fewer tracks says nothing."""

_FOLDS = 10


@dataclass(frozen=True, slots=True)
class PairedTest:
    """New against current on the same n tracks; positive differences are in the new one's favour.

    ``log_loss_gain`` in nats, ``accuracy_gain`` a share, means over the ``sources`` where there are several, each with
    its standard error. ``p_value``: of the one-sided paired test that the log-loss gain is not above zero.
    ``left_out``: the tracks that a model was trained on. ``promoted`` is the decision, ``reason`` its words.
    """

    tracks: int
    log_loss_gain: float
    log_loss_gain_se: float
    accuracy_gain: float
    accuracy_gain_se: float
    p_value: float
    promoted: bool
    reason: str
    sources: int = 1
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A saved model with the hashes of the tracks it was trained on, None if unknown."""

    classifier: Classifier
    trained_on: NDArray[np.uint64] | None

    def seen(self, tracks: LabelledTracks) -> NDArray[np.bool_]:
        """(n,) bool: which of ``tracks`` it was trained on.

        A row of the same recording counts as seen. Without the hashes, the training file's own sha256 decides.
        """
        if self.trained_on is None:
            same = self.classifier.card.training.get("sha256") == tracks.sha256
            return np.full(len(tracks), same, dtype=np.bool_)
        recordings = tracks.recordings()
        known = known_rows(tracks.keys, self.trained_on) if tracks.keys else np.zeros(len(tracks), np.bool_)
        return np.isin(recordings, recordings[known])

    def can_be_refitted(self, tracks: LabelledTracks) -> bool:
        """Whether its recipe is this moodlog's and all that it was trained on is among ``tracks``."""
        same_recipe = self.classifier.card.training.get("recipe") == asdict(Recipe())
        hashes = self.trained_on
        return same_recipe and hashes is not None and bool(np.isin(hashes, all_hashes(tracks.keys)).all())


def compare_models(new: Candidate, current: Candidate, tracks: LabelledTracks, *, seed: int = 0) -> PairedTest:
    """Compare two saved models on those of ``tracks`` that are new to both.

    A new model whose training tracks are all among ``tracks`` may be compared on these as well: there, its recipe is
    fitted again without the measured fold (or source). So a model of the same recipe on more tracks can win.

    Raises:
        InputError: too few tracks are new.
    """
    seen = new.seen(tracks)
    refit = bool(seen.any()) and new.can_be_refitted(tracks)
    usable = ~current.seen(tracks) & (refit | ~seen)
    if usable.sum() < FEWEST_TRACKS:
        raise InputError(
            f"only {int(usable.sum())} of the {len(tracks)} tracks in {tracks.name} are new to the models: "
            f"{current.classifier.model_version} or {new.classifier.model_version} was trained on the others; "
            f"give --data with at least {FEWEST_TRACKS} tracks that the current model was not trained on"
        )
    predicted = new.classifier.predict(tracks.matrix).astype(np.float64)
    if refit:
        predicted = np.where(seen[:, None], refitted(tracks, seed), predicted)
    chosen = tracks.take(usable)
    now = current.classifier.predict(chosen.matrix).astype(np.float64)
    left_out = int((~usable).sum())
    return paired_test(predicted[usable][None], now[None], chosen.labels, chosen.source_names(), left_out=left_out)


def evaluate_unseen(
    candidate: Candidate, tracks: LabelledTracks, *, seed: int = 0, group_by: GroupBy | None = None
) -> Evaluation:
    """Measure a saved model on those of ``tracks`` that it was not trained on.

    ``protocol.seen_tracks`` counts the other ones, and ``protocol.trained_on_this_file`` says whether there are any.

    Raises:
        InputError: it was trained on all tracks.
    """
    seen = candidate.seen(tracks)
    if seen.all():
        raise InputError(
            f"{candidate.classifier.model_version} was trained on all {len(tracks):,} tracks in {tracks.name}, so they "
            "do not measure it; give --data with other tracks"
        )
    evaluation = evaluate_model(candidate.classifier, tracks.take(~seen), seed=seed, group_by=group_by)
    overlap = {"seen_tracks": int(seen.sum()), "trained_on_this_file": bool(seen.any())}
    return replace(evaluation, protocol={**evaluation.protocol, **overlap})


def refitted(tracks: LabelledTracks, seed: int = 0) -> NDArray[np.float64]:
    """(n, k) probabilities by this moodlog's recipe, each from a fit without the row's fold, or source if several."""
    group_by: GroupBy | None = "source" if len(set(tracks.sources or ())) > 2 else None
    splits = make_splits(tracks, _FOLDS, 1, seed, group_by)
    return np.asarray(out_of_fold(tracks, splits, recipe_fit(Recipe()))[0])


def paired_test(
    new: NDArray[np.float64],
    current: NDArray[np.float64],
    labels: NDArray[np.int64],
    sources: NDArray[np.str_] | None = None,
    *,
    significance: float = SIGNIFICANCE,
    left_out: int = 0,
) -> PairedTest:
    """Compare (repeats, n, k) held-out probabilities of two models on (n,) ``labels`` of (n,) ``sources``.

    Raises:
        InputError: the shapes differ, or there are fewer than two tracks.
    """
    if new.shape[1:] != current.shape[1:] or new.shape[1] != len(labels) or len(labels) < 2:
        raise InputError(f"two models are compared on the same tracks: the shapes are {new.shape} and {current.shape}")
    names = np.zeros(len(labels), dtype=np.int64) if sources is None else np.unique(sources, return_inverse=True)[1]
    loss_gain, loss_se = _mean_and_error(_track_losses(current, labels) - _track_losses(new, labels), names)
    hit_gain, hit_se = _mean_and_error(_track_hits(new, labels) - _track_hits(current, labels), names)
    p_value = _one_sided(loss_gain, loss_se)
    worse = hit_gain < -hit_se
    return PairedTest(
        tracks=len(labels),
        log_loss_gain=loss_gain,
        log_loss_gain_se=loss_se,
        accuracy_gain=hit_gain,
        accuracy_gain_se=hit_se,
        p_value=p_value,
        promoted=p_value < significance and not worse,
        reason=_reason(loss_gain, loss_se, p_value, significance, fewer_right=worse),
        sources=int(names.max()) + 1,
        left_out=left_out,
    )


def _track_losses(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.mean([log_losses(one, labels) for one in probabilities], axis=0))


def _track_hits(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((probabilities.argmax(axis=2) == labels).mean(axis=0))


def _mean_and_error(differences: NDArray[np.float64], sources: NDArray[np.int64]) -> tuple[float, float]:
    """The mean over sources and its standard error: over tracks, or over three or more sources if that is larger."""
    parts = [differences[sources == number] for number in range(int(sources.max()) + 1)]
    means = np.array([part.mean() for part in parts])
    variances = [part.var(ddof=1) / len(part) if len(part) > 1 else differences.var(ddof=1) for part in parts]
    error = float(np.sqrt(np.sum(variances))) / len(parts)
    if len(parts) > 2:
        error = max(error, float(means.std(ddof=1)) / np.sqrt(len(parts)))
    return float(means.mean()), error


def _one_sided(gain: float, error: float) -> float:
    """The normal approximation; a difference that never varies is either none at all or certain."""
    if error == 0.0:
        return 0.0 if gain > 0 else 1.0
    return 1.0 - NormalDist().cdf(gain / error)


def _reason(gain: float, error: float, p_value: float, significance: float, *, fewer_right: bool) -> str:
    if gain < 0 and _one_sided(-gain, error) < significance:
        return f"it is worse by {-gain:.3f} nats ± {error:.3f}, more than noise"
    if p_value >= significance:
        return f"the difference is within noise (p = {p_value:.3f}, {significance:g} is needed)"
    if fewer_right:
        return "the probabilities are better but the accuracy falls by more than its standard error"
    return f"better by more than noise (p = {p_value:.3f})"

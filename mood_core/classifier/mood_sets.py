"""Conformal sets of moods, calibrated so that they hold for a curator the model has never seen.

A mood is in a track's set if its probability is at least the mood's threshold (LAC: Sadinle et al., 2019). The most
probable mood is always in it. Tracks of one curator resemble each other, so the unit that varies is the curator: every
curator and mood has equal weight, and the level is chosen by leaving one curator out at a time until the curator left
out is covered. APS and RAPS gave larger sets at the same coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.domain.moods import set_members
from mood_core.domain.records import MOODS
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LEVEL = 0.9
"""The share of a new curator's tracks whose mood should be in its set."""

_MISS_RATES = np.arange(0.15, 0.0099, -0.0025)
"""Miss rates to try, from small sets to large ones."""


@dataclass(frozen=True, slots=True)
class SetScore:
    """How sets do on ``tracks`` tracks: ``coverage`` (0–1), mean ``size``, and the coverage of each mood present."""

    tracks: int
    coverage: float
    size: float
    by_mood: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """The score as plain values, rounded to four digits."""
        return {
            "tracks": self.tracks,
            "coverage": round(self.coverage, 4),
            "size": round(self.size, 4),
            "by_mood": _rounded(self.by_mood),
        }


@dataclass(frozen=True, slots=True)
class SetCalibration:
    """The ``thresholds`` by mood, and what they cover.

    ``left_out`` has the score of each source with thresholds from the others (empty with one source); ``coverage`` and
    ``size`` are its means over sources, ``by_mood`` the means of each mood over the sources that have it.
    """

    thresholds: Mapping[str, float]
    level: float
    coverage: float
    size: float
    by_mood: Mapping[str, float]
    left_out: Mapping[str, SetScore]

    def as_json(self) -> dict[str, Any]:
        """What the model card stores as ``metrics["mood_sets"]``."""
        return {
            "level": self.level,
            "thresholds": dict(self.thresholds),
            "protocol": "leave one curator out" if self.left_out else "one curator, no claim for others",
            "coverage": round(self.coverage, 4),
            "size": round(self.size, 4),
            "by_mood": _rounded(self.by_mood),
            "left_out": {source: score.as_json() for source, score in self.left_out.items()},
        }


def calibrate_sets(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    sources: Sequence[str] | NDArray[Any],
    *,
    level: float = LEVEL,
    classes: Sequence[str] = MOODS,
) -> SetCalibration:
    """Thresholds whose sets cover a new curator at ``level`` on average.

    Args:
        probabilities: (n, k) out-of-fold probabilities as serving would give them: not masked, and from models that
            saw neither the track nor, with several sources, its curator.
        labels: (n,) the true class of each track, 0 to k - 1.
        sources: (n,) the curator of each track.
        level: the coverage to reach, 0–1.
        classes: the k classes' names in the order of the columns.

    Raises:
        InputError: the arrays do not belong together or are empty.
    """
    groups = _groups(np.asarray(probabilities, np.float64), np.asarray(labels), np.asarray(sources), len(classes))
    rate, left_out = _choose_rate(groups, level)
    thresholds = _thresholds(list(groups.values()), rate)
    scores = {source: _score(*groups[source], found, classes) for source, found in left_out.items()}
    judged = list(scores.values()) or [_score(*one, thresholds, classes) for one in groups.values()]
    return SetCalibration(
        thresholds={name: float(f"{value:.6g}") for name, value in zip(classes, thresholds, strict=True)},
        level=level,
        coverage=float(np.mean([one.coverage for one in judged])),
        size=float(np.mean([one.size for one in judged])),
        by_mood=_mean_by_mood(judged, classes),
        left_out=scores,
    )


def score_sets(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    thresholds: Sequence[float],
    classes: Sequence[str] = MOODS,
) -> SetScore:
    """Coverage and size of the sets of (n, k) ``probabilities`` against (n,) ``labels``."""
    return _score(np.asarray(probabilities, np.float64), np.asarray(labels), np.asarray(thresholds), classes)


_Group = tuple["NDArray[np.float64]", "NDArray[np.integer[Any]]"]


def _groups(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer[Any]], sources: NDArray[Any], classes: int
) -> dict[str, _Group]:
    if probabilities.shape != (len(labels), classes) or len(sources) != len(labels) or not len(labels):
        raise InputError(
            f"sets cannot be calibrated on probabilities of the shape {probabilities.shape} with {len(labels)} labels "
            f"and {len(sources)} sources; give one row for each label and one column for each of {classes} classes"
        )
    return {str(name): (probabilities[sources == name], labels[sources == name]) for name in np.unique(sources)}


def _choose_rate(groups: Mapping[str, _Group], level: float) -> tuple[float, dict[str, NDArray[np.float64]]]:
    """The largest miss rate that covers left-out sources at ``level`` on average, and each one's thresholds."""
    if len(groups) < 2:
        return 1 - level, {}
    found: dict[str, NDArray[np.float64]] = {}
    rate = float(_MISS_RATES[-1])
    for rate in _MISS_RATES.tolist():
        found = dict(_left_out(groups, rate))
        covered = [_hits(*groups[source], thresholds).mean() for source, thresholds in found.items()]
        if np.mean(covered) >= level:
            break
    return rate, found


def _left_out(groups: Mapping[str, _Group], rate: float) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for source in groups:
        yield source, _thresholds([group for name, group in groups.items() if name != source], rate)


def _thresholds(groups: Sequence[_Group], rate: float) -> NDArray[np.float64]:
    """(k,) thresholds: the geometric mean of a mood's own quantile and that of all moods together.

    A mood's own quantile rests on few curators; the common one steadies it.
    """
    scores, moods, weights = _true_scores(groups)
    common = _quantile(scores, weights, rate)
    classes = groups[0][0].shape[1]
    own = [
        _quantile(scores[moods == mood], weights[moods == mood], rate) if (moods == mood).any() else common
        for mood in range(classes)
    ]
    return np.sqrt(common * np.array(own))


def _true_scores(groups: Sequence[_Group]) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
    """The probability of each track's true mood, that mood, and a weight that makes curators and moods equal."""
    scores = [probabilities[np.arange(len(labels)), labels] for probabilities, labels in groups]
    counts = [np.bincount(labels, minlength=probabilities.shape[1])[labels] for probabilities, labels in groups]
    weights = [1 / (count * len(np.unique(labels))) for count, (_, labels) in zip(counts, groups, strict=True)]
    return np.concatenate(scores), np.concatenate([labels for _, labels in groups]), np.concatenate(weights)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], rate: float) -> float:
    """The value below which at most ``rate`` of the weight lies, one value more counting as missed (n + 1)."""
    order = np.argsort(values, kind="stable")
    allowed = rate * (weights.sum() + weights.mean()) - weights.mean()
    position = int(np.searchsorted(np.cumsum(weights[order]), allowed, side="right"))
    return float(values[order][min(position, len(values) - 1)])


def _hits(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer[Any]], thresholds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    return np.asarray(set_members(probabilities, thresholds)[np.arange(len(labels)), labels])


def _score(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    thresholds: NDArray[np.float64],
    classes: Sequence[str],
) -> SetScore:
    hits = _hits(probabilities, labels, thresholds)
    size = float(set_members(probabilities, thresholds).sum(axis=1).mean())
    present = {name: labels == index for index, name in enumerate(classes) if (labels == index).any()}
    by_mood = {name: float(hits[mine].mean()) for name, mine in present.items()}
    return SetScore(len(labels), float(hits.mean()), size, by_mood)


def _mean_by_mood(scores: Sequence[SetScore], classes: Sequence[str]) -> dict[str, float]:
    found = {name: [one.by_mood[name] for one in scores if name in one.by_mood] for name in classes}
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}

"""Conformal sets of moods, calibrated so that they hold for a curator the model has never seen.

A mood is in a track's set if its probability is at least the threshold (LAC: Sadinle et al., 2019). The most probable
mood is always in it. Tracks of one curator resemble each other, so the unit that varies is the curator: every curator
and mood has equal weight, and the level is chosen by leaving one curator out at a time until the curators left out are
covered on average. One threshold serves all moods: thresholds for each mood, APS, RAPS and quantiles over curators gave
sets of the same size or larger ones.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mood_core.domain.moods import set_members
from mood_core.domain.records import MOODS
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


@dataclass(frozen=True, slots=True)
class SetCalibration:
    """The ``thresholds`` by mood, and what they cover.

    ``left_out`` has the score of each source with a threshold from the others (empty with one source). ``coverage``,
    ``size`` and ``by_mood`` are means over the sources that have all moods, or over all where none has.
    """

    thresholds: Mapping[str, float]
    level: float
    coverage: float
    size: float
    by_mood: Mapping[str, float]
    left_out: Mapping[str, SetScore]

    def as_json(self) -> dict[str, Any]:
        """What the model card stores as ``metrics["mood_sets"]``."""
        protocol = "leave one curator out" if self.left_out else "one curator, no claim for others"
        return {**asdict(self), "protocol": protocol}


def calibrate_sets(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    sources: Sequence[str] | NDArray[Any],
    *,
    level: float = LEVEL,
    classes: Sequence[str] = MOODS,
) -> SetCalibration:
    """A threshold whose sets cover a new curator at ``level`` on average.

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
    judged = [one for one, (_, own) in groups.items() if len(np.unique(own)) == len(classes)] or list(groups)
    rate, left_out = _choose_rate(groups, judged, level, classes)
    threshold = _threshold(list(groups.values()), rate)
    scores = [
        left_out[one] if left_out else score_sets(*groups[one], [threshold] * len(classes), classes) for one in judged
    ]
    return SetCalibration(
        thresholds=dict.fromkeys(classes, float(f"{threshold:.6g}")),
        level=level,
        coverage=float(np.mean([one.coverage for one in scores])),
        size=float(np.mean([one.size for one in scores])),
        by_mood=_mean_by_mood(scores, classes),
        left_out=left_out,
    )


def score_sets(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    thresholds: Sequence[float],
    classes: Sequence[str] = MOODS,
) -> SetScore:
    """Coverage and size of the sets of (n, k) ``probabilities`` against (n,) ``labels``."""
    members = set_members(np.asarray(probabilities, np.float64), thresholds)
    hits = members[np.arange(len(labels)), labels]
    present = {name: labels == index for index, name in enumerate(classes) if (labels == index).any()}
    by_mood = {name: float(hits[mine].mean()) for name, mine in present.items()}
    return SetScore(len(labels), float(hits.mean()), float(members.sum(axis=1).mean()), by_mood)


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


def _choose_rate(
    groups: Mapping[str, _Group], judged: Sequence[str], level: float, classes: Sequence[str]
) -> tuple[float, dict[str, SetScore]]:
    """The largest miss rate that covers the ``judged`` sources left out at ``level`` on average, and all scores."""
    if len(groups) < 2:
        return 1 - level, {}
    found: dict[str, SetScore] = {}
    rate = float(_MISS_RATES[-1])
    for rate in _MISS_RATES.tolist():
        for source, own in groups.items():
            threshold = _threshold([group for name, group in groups.items() if name != source], rate)
            found[source] = score_sets(*own, [threshold] * len(classes), classes)
        if np.mean([found[source].coverage for source in judged]) >= level:
            break
    return rate, found


def _threshold(groups: Sequence[_Group], rate: float) -> float:
    """The probability of the true mood that ``rate`` of the tracks do not reach; curators and moods weigh the same."""
    scores = [probabilities[np.arange(len(labels)), labels] for probabilities, labels in groups]
    counts = [np.bincount(labels)[labels] for _, labels in groups]
    weights = [1 / (count * len(np.unique(labels))) for count, (_, labels) in zip(counts, groups, strict=True)]
    return _quantile(np.concatenate(scores), np.concatenate(weights), rate)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], rate: float) -> float:
    """The value below which at most ``rate`` of the weight lies, one value more counting as missed (n + 1)."""
    order = np.argsort(values, kind="stable")
    allowed = rate * (weights.sum() + weights.mean()) - weights.mean()
    position = int(np.searchsorted(np.cumsum(weights[order]), allowed, side="right"))
    return float(values[order][min(position, len(values) - 1)])


def _mean_by_mood(scores: Sequence[SetScore], classes: Sequence[str]) -> dict[str, float]:
    found = {name: [one.by_mood[name] for one in scores if name in one.by_mood] for name in classes}
    return {name: float(np.mean(values)) for name, values in found.items() if values}

"""Turns probabilities into moods, independent of the model.

All functions use the four probabilities of a track, in the order of ``MOODS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.records import MOODS
from mood_core.errors import ModelError

MOOD_SETS = tuple(
    "|".join(mood for place, mood in enumerate(MOODS) if mask >> place & 1) for mask in range(2 ** len(MOODS))
)
"""The text of each mood set by its bit mask (bit 0 is the first of ``MOODS``). The empty set does not occur."""

POSITIONS = ("soft", "lively", "mood_valence", "mood_energy", "mood_valence_sd", "mood_energy_sd")
"""The columns of a position."""

_SUM_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Labels:
    """The decisions for n tracks.

    ``mood``: (n,) int8, index into :data:`mood_core.domain.records.MOODS`. ``confidence``: (n,) float32 in [0, 1], the
    probability of that mood. ``sets``: (n,) int8, index into :data:`MOOD_SETS`; None if the model has no set
    thresholds. ``uncertain``: (n,) bool, the set has more than one mood; without sets, the confidence is below the
    model card's threshold.
    """

    mood: NDArray[np.int8]
    confidence: NDArray[np.float32]
    uncertain: NDArray[np.bool_]
    sets: NDArray[np.int8] | None = None

    def names(self) -> list[str]:
        """The mood names, one per track."""
        return [MOODS[index] for index in self.mood]

    def set_names(self) -> list[str] | list[None]:
        """The sets as text such as ``Calm|Sad``, one per track; all None without sets."""
        return [None] * len(self.mood) if self.sets is None else [MOOD_SETS[mask] for mask in self.sets]


def positions(probabilities: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the columns :data:`POSITIONS` for an (n, 4) float32 matrix with columns in the order of ``MOODS``.

    Each mood is a corner of Russell's circumplex: Happy (1, 1), Energetic (-1, 1), Sad (-1, -1), Calm (1, -1).
    ``mood_valence`` and ``mood_energy`` in [-1, 1] are the expected corner under the probabilities; ``mood_valence_sd``
    and ``mood_energy_sd`` in [0, 1] are its standard deviation, 0 where the model is certain. ``soft`` is the
    probability of Calm or Sad, ``lively`` that of Energetic or Happy. Each is (n,) float32.
    """
    calm, energetic, happy, sad = probabilities.T
    soft, lively = calm + sad, energetic + happy
    pleasant, unpleasant = calm + happy, energetic + sad
    # The variance of a value that is 1 or -1 is 4 p (1 - p).
    deviations = 2 * np.sqrt(pleasant * unpleasant), 2 * np.sqrt(lively * soft)
    return dict(zip(POSITIONS, (soft, lively, pleasant - unpleasant, lively - soft, *deviations), strict=True))


def set_members(
    probabilities: NDArray[np.floating[Any]],
    thresholds: Sequence[float] | NDArray[np.floating[Any]],
    best: NDArray[np.intp] | None = None,
) -> NDArray[np.bool_]:
    """Return (n, k) bool: the members of each row's set, given (n, k) ``probabilities`` and (k,) ``thresholds``.

    A class is a member if its probability reaches its threshold; the most probable class always is. ``best``: (n,), the
    most probable classes, if they are known already.
    """
    members = probabilities >= np.asarray(thresholds, probabilities.dtype)
    members[np.arange(len(probabilities)), probabilities.argmax(axis=1) if best is None else best] = True
    return members


def label(
    probabilities: NDArray[np.float32], threshold: float, set_thresholds: Sequence[float] | None = None
) -> Labels:
    """Return the most probable mood of each row of an (n, 4) float32 matrix with columns in the order of ``MOODS``.

    Ties go to the first in that order. ``threshold`` in [0, 1] and ``set_thresholds`` are the model card's.

    Raises:
        ModelError: the matrix has another shape, or a row is not a probability distribution within 1e-4.
    """
    _check(probabilities)
    mood = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(probabilities)), mood].astype(np.float32)
    if set_thresholds is None:
        return Labels(mood.astype(np.int8), confidence, confidence < np.float32(threshold))
    members = set_members(probabilities, set_thresholds, mood)
    sets = np.packbits(members, axis=1, bitorder="little")[:, 0].astype(np.int8)
    return Labels(mood.astype(np.int8), confidence, (sets & (sets - 1)) != 0, sets)


def _check(probabilities: NDArray[np.float32]) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] != len(MOODS):
        raise ModelError(
            f"the model returned the shape {probabilities.shape}, not (n, {len(MOODS)}); use a model of these moods"
        )
    sums = probabilities @ np.ones(len(MOODS), probabilities.dtype)
    if not len(sums) or (probabilities.min() >= 0 and np.abs(sums - 1).max() <= _SUM_TOLERANCE):  # NaN fails both
        return
    good = (np.abs(sums - 1) <= _SUM_TOLERANCE) & (probabilities >= 0).all(axis=1)
    row = int(np.flatnonzero(~good)[0])
    raise ModelError(
        f"the model returned no probability distribution for row {row}: {probabilities[row].tolist()}; "
        "check the features' ranges before labelling"
    )

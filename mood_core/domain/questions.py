"""Chooses the tracks about which a person's answer teaches most. Pure, and the same for the same seed.

Most questions are about tracks that are uncertain and often heard. They say little about how often the model is right
in general, so a share of the questions is drawn at random from all tracks: the score is computed from their answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.domain.answers import AskedBecause
from mood_core.domain.records import MOODS

RANDOM_SHARE = 0.3
"""The share of questions that are drawn at random."""

_SHARPNESS = 4.0
"""How much more often a track with twice the value is drawn: 2 to the power of this."""

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Chosen:
    """The places of the chosen tracks in the order of the questions, and why each was chosen."""

    places: NDArray[np.int64]
    because: tuple[AskedBecause, ...]


def question_values(probabilities: NDArray[np.floating[Any]], listens: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,): the entropy of each row of ``probabilities`` (n, 4), 0-1, times the logarithm of 1 plus its listens."""
    safe = np.clip(probabilities.astype(np.float64), _LEAST, 1.0)
    entropy = -(safe * np.log(safe)).sum(axis=1) / np.log(len(MOODS))
    return np.asarray(entropy * np.log1p(listens))


def choose_questions(values: NDArray[np.float64], count: int, *, seed: int) -> Chosen:
    """Choose up to ``count`` of the tracks with ``values`` (n,) without repetition.

    About :data:`RANDOM_SHARE` are drawn at random, each track with the same chance, the others by their value. Drawing,
    and not the largest values alone, keeps the questions different from each other.
    """
    random = np.random.default_rng(seed)
    count = min(count, len(values))
    at_random = random.choice(len(values), round(RANDOM_SHARE * count), replace=False)
    others = np.setdiff1d(np.arange(len(values)), at_random)
    # The largest of these sums are a draw without replacement (Gumbel top-k).
    keys = _SHARPNESS * np.log(values[others] + _LEAST) + random.gumbel(size=len(others))
    by_value = others[np.argsort(-keys)[: count - len(at_random)]]
    places = np.concatenate([at_random, by_value]).astype(np.int64)
    because = [AskedBecause.RANDOM] * len(at_random) + [AskedBecause.UNCERTAIN] * len(by_value)
    order = random.permutation(len(places))
    return Chosen(places[order], tuple(because[place] for place in order.tolist()))

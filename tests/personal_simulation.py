"""Plays a curator as a person who answers as asked, and measures what a personal head gains on the other tracks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mood_core.classifier.training import LabelledTracks, Recipe
from mood_core.classifier.training.evaluation import make_splits, out_of_fold, recipe_fit
from mood_core.domain.answers import AskedBecause
from mood_core.domain.learning import Lesson, learn
from mood_core.domain.personal_head import apply_head
from mood_core.domain.questions import choose_questions, question_values
from mood_core.domain.records import MOODS

_MOST_TRACKS = 1000


@dataclass(frozen=True, slots=True)
class Gain:
    """On the tracks of one simulated person that were not asked about: the labels used against the model's alone."""

    accuracy: float
    accuracy_gain: float
    log_loss: float
    log_loss_gain: float
    promoted: bool


def strangers_probabilities(tracks: LabelledTracks) -> NDArray[np.float64]:
    """(n, 4): the probabilities by models that saw neither a track nor its curator in training."""
    splits = make_splits(tracks, 5, 1, 0, "source")
    return np.asarray(out_of_fold(tracks, splits, recipe_fit(Recipe()), lambda _: None)[0], np.float64)


def play(
    tracks: LabelledTracks, probabilities: NDArray[np.float64], source: str, answers: int, seeds: Iterable[int]
) -> list[Gain]:
    """Let the curator ``source`` answer ``answers`` questions, once for each seed, with other tracks and listens."""
    rows = np.flatnonzero(tracks.source_names() == source)
    return [_play(probabilities, tracks.labels, rows, answers, seed) for seed in seeds]


def _play(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], rows: NDArray[np.int64], answers: int, seed: int
) -> Gain:
    random = np.random.default_rng(seed)
    heard = random.permutation(rows)[:_MOST_TRACKS]
    chances, moods = probabilities[heard], labels[heard]
    listens = np.minimum(random.zipf(1.8, len(heard)), 300)
    chosen = choose_questions(question_values(chances, listens), answers, seed=seed)
    asked = chosen.places
    named = np.eye(len(MOODS), dtype=np.bool_)[moods[asked]]
    at_random = np.array([each is AskedBecause.RANDOM for each in chosen.because])
    learned = learn(Lesson(chances[asked], named, moods[asked], at_random))
    rest = np.setdiff1d(np.arange(len(heard)), asked)
    before = _scores(chances[rest], moods[rest])
    used = apply_head(learned.coefficients, chances[rest]) if learned.promoted else chances[rest]
    after = _scores(used, moods[rest])
    return Gain(before[0], after[0] - before[0], before[1], before[1] - after[1], learned.promoted)


def _scores(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> tuple[float, float]:
    right = float((probabilities.argmax(axis=1) == labels).mean())
    chance = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-9, 1)
    return right, float(-np.log(chance).mean())

"""The recipe on labelled tracks: how good for strangers, how robust, and honest where it must find nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mood_core.classifier.training import LabelledTracks, evaluate_recipe, read_labelled
from mood_core.classifier.training.evaluation import Evaluation
from mood_core.classifier.training.model import TrainingSet, fit_model, training_set
from mood_core.classifier.training.recipe import Recipe

pytestmark = [pytest.mark.slow, pytest.mark.keras]


@pytest.fixture(scope="module")
def curators(shared: Path) -> LabelledTracks:
    return read_labelled(shared / "data" / "moods_curators.csv")


@pytest.fixture(scope="module")
def strangers(curators: LabelledTracks) -> Evaluation:
    return evaluate_recipe(curators, group_by="source", baselines=False)


@pytest.fixture(scope="module")
def tracks(shared: Path) -> LabelledTracks:
    return read_labelled(shared / "data" / "moods_train.csv")


def test_the_recipe_holds_for_curators_it_has_never_seen(strangers: Evaluation) -> None:
    scores = strangers.measured.scores
    assert scores.accuracy >= 0.535
    assert scores.balanced_accuracy >= 0.555
    assert scores.log_loss <= 1.0
    assert scores.ece <= 0.08
    assert scores.wrong_and_confident < 0.02


def test_corrupted_features_of_strangers_cost_little(strangers: Evaluation) -> None:
    robustness, accuracy = strangers.measured.robustness, strangers.measured.scores.accuracy
    assert min(robustness.values()) >= accuracy - 0.09, robustness
    assert robustness["loudness_plus_3"] >= accuracy - 0.04
    assert robustness["duration_missing"] >= accuracy - 0.01


def test_inside_one_curator_the_recipe_is_better_than_every_baseline(tracks: LabelledTracks) -> None:
    evaluation = evaluate_recipe(tracks, repeats=1, seed=7)
    assert evaluation.measured.scores.accuracy >= 0.80
    assert evaluation.measured.scores.log_loss <= 0.55
    grouped = evaluate_recipe(tracks, repeats=1, seed=7, group_by="artist", baselines=False)
    assert grouped.measured.scores.accuracy >= evaluation.measured.scores.accuracy - 0.03


def test_permuted_labels_give_chance(tracks: LabelledTracks) -> None:
    shuffled = replace(tracks, labels=np.random.default_rng(0).permutation(tracks.labels))
    found = evaluate_recipe(shuffled, repeats=1, folds=5, baselines=False)
    assert abs(found.measured.scores.accuracy - 0.25) < 0.08


def test_swapped_labels_swap_the_predictions(tracks: LabelledTracks) -> None:
    """Calm and Sad change places in training: the recall of each becomes the other's confusion."""
    swap = np.array([3, 1, 2, 0])
    whole, held_out = training_set(tracks.take(np.arange(0, len(tracks), 2))), tracks.matrix[1::2]
    swapped = TrainingSet(whole.matrix, swap[whole.labels], whole.allowed[:, swap], whole.weights)
    first, second = (fit_model(one, Recipe()).predict(held_out) for one in (whole, swapped))
    assert (second.argmax(axis=1) == swap[first.argmax(axis=1)]).mean() > 0.99

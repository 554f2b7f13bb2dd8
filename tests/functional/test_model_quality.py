"""The recipe on the labelled tracks: how good, how robust, and honest where it must find nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mood_core.classifier.training import LabelledTracks, Recipe, evaluate_recipe, read_labelled
from mood_core.classifier.training.ensemble import TrainingSet, fit_ensembles
from mood_core.classifier.training.evaluation import Evaluation

pytestmark = [pytest.mark.slow, pytest.mark.keras]

QUICK = Recipe(members=4, hidden=64, epochs=60, calibration_folds=2, calibration_members=2)


@pytest.fixture(scope="module")
def tracks(shared: Path) -> LabelledTracks:
    return read_labelled(shared / "data" / "moods_train.csv")


@pytest.fixture(scope="module")
def evaluation(tracks: LabelledTracks) -> Evaluation:
    return evaluate_recipe(tracks, repeats=2, seed=7)


def test_the_recipe_is_better_than_every_baseline(evaluation: Evaluation) -> None:
    best = evaluation.measured
    for name, baseline in evaluation.baselines.items():
        assert best.scores.accuracy > baseline.scores.accuracy, name
        assert best.scores.log_loss < baseline.scores.log_loss, name


def test_the_recipe_is_accurate_calibrated_and_knows_what_it_does_not_know(evaluation: Evaluation) -> None:
    scores = evaluation.measured.scores
    assert scores.accuracy >= 0.825
    assert scores.macro_f1 >= 0.81
    assert scores.log_loss <= 0.41
    assert scores.ece <= 0.045
    assert evaluation.measured.accuracy_at_80_coverage >= 0.885


def test_artists_kept_together_change_little(tracks: LabelledTracks, evaluation: Evaluation) -> None:
    grouped = evaluate_recipe(tracks, repeats=1, seed=7, by_artist=True, baselines=False)
    assert grouped.measured.scores.accuracy >= evaluation.measured.scores.accuracy - 0.02


def test_permuted_labels_give_chance(tracks: LabelledTracks) -> None:
    shuffled = replace(tracks, labels=np.random.default_rng(0).permutation(tracks.labels))
    found = evaluate_recipe(shuffled, recipe=QUICK, repeats=1, folds=5, baselines=False)
    assert abs(found.measured.scores.accuracy - 0.25) < 0.08


def test_swapped_labels_swap_the_predictions(tracks: LabelledTracks) -> None:
    """Calm and Sad change places in training: the recall of each becomes the other's confusion."""
    swap = np.array([3, 1, 2, 0])
    rows = np.arange(0, len(tracks), 2)
    held_out = tracks.matrix[1::2]
    plain, swapped = (
        TrainingSet(tracks.matrix[rows], labels, 4) for labels in (tracks.labels[rows], swap[tracks.labels[rows]])
    )
    first, second = (fit_ensembles([one], QUICK, 0)[0].predict(held_out) for one in (plain, swapped))
    assert (second.argmax(axis=1) == swap[first.argmax(axis=1)]).mean() > 0.93


def test_spoilt_features_hurt_it_less_than_the_missions_network(evaluation: Evaluation) -> None:
    ours, missions = evaluation.measured.robustness, evaluation.baselines["mission_network"].robustness
    differences = {name: ours[name] - missions[name] for name in ours}
    assert min(differences.values()) >= -0.01, differences
    assert sum(value > 0 for value in differences.values()) > len(differences) / 2, differences


def test_a_model_that_knew_durations_loses_little_without_them(evaluation: Evaluation) -> None:
    measured = evaluation.measured
    assert measured.robustness["duration_missing"] >= measured.scores.accuracy - 0.02


def test_missing_durations_cost_little(tracks: LabelledTracks, evaluation: Evaluation) -> None:
    """Trained and judged without any; two points are allowed, as the difference itself is uncertain by one."""
    blind = tracks.matrix.copy()
    blind[:, -1] = np.nan
    found = evaluate_recipe(replace(tracks, matrix=blind), repeats=2, seed=7, baselines=False)
    assert found.measured.scores.accuracy >= evaluation.measured.scores.accuracy - 0.02
    assert found.measured.scores.accuracy >= 0.815

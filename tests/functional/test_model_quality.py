"""The recipe on the labelled tracks: how good, how robust, and honest where it must find nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mood_core.classifier.training import LabelledTracks, Recipe, evaluate_recipe, read_labelled
from mood_core.classifier.training.baselines import fit_mission_network
from mood_core.classifier.training.ensemble import TrainingSet, fit_ensembles
from mood_core.classifier.training.evaluation import Evaluation, out_of_fold
from mood_core.classifier.training.folds import make_folds
from mood_core.records import FEATURES

pytestmark = [pytest.mark.slow, pytest.mark.keras]

SHARES = [FEATURES.index(name) for name in FEATURES if name not in ("loudness", "tempo", "duration_ms")]
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


def _set_columns(columns: list[int], change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def corrupt(matrix: np.ndarray) -> np.ndarray:
        result = matrix.copy()
        result[:, columns] = change(result[:, columns])
        return result

    return corrupt


def _corruptions(matrix: np.ndarray) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    random = np.random.default_rng(11)
    median = {name: float(np.nanmedian(matrix[:, FEATURES.index(name)])) for name in FEATURES}

    def at_median(name: str) -> Callable[[np.ndarray], np.ndarray]:
        return _set_columns([FEATURES.index(name)], lambda values: np.full_like(values, median[name]))

    return {
        "+0.1": _set_columns(SHARES, lambda values: np.clip(values + 0.1, 0, 1)),
        "-0.1": _set_columns(SHARES, lambda values: np.clip(values - 0.1, 0, 1)),
        "±0.1": _set_columns(SHARES, lambda v: np.clip(v + random.uniform(-0.1, 0.1, v.shape).astype("f4"), 0, 1)),
        "tempo halved": _set_columns([FEATURES.index("tempo")], lambda values: values / 2),
        "length at the median": at_median("duration_ms"),
        "instrumentalness at the median": at_median("instrumentalness"),
    }


def test_corrupted_features_hurt_it_less_than_the_missions_network(tracks: LabelledTracks) -> None:
    splits = make_folds(tracks.labels, 10, 1, 7)
    corruptions = _corruptions(tracks.matrix)

    def accuracies(fit: Callable[[Sequence[TrainingSet]], list[Any]]) -> dict[str, float]:
        sets = [TrainingSet(tracks.matrix[s.train], tracks.labels[s.train], 4) for s in splits]
        predicts = fit(sets)
        result = {}
        for name, corrupt in corruptions.items():
            changed = replace(tracks, matrix=corrupt(tracks.matrix))
            found = out_of_fold(changed, splits, lambda _sets, _repeat, _report: predicts, lambda _: None)
            result[name] = float((found[0].argmax(axis=1) == tracks.labels).mean())
        return result

    ours = accuracies(lambda sets: [one.predict for one in fit_ensembles(sets, Recipe(), 7)])
    missions = accuracies(lambda sets: list(fit_mission_network(sets, 7)))
    differences = {name: ours[name] - missions[name] for name in ours}
    assert min(differences.values()) >= -0.01, differences
    assert sum(value > 0 for value in differences.values()) > len(differences) / 2, differences


def test_missing_durations_cost_little(tracks: LabelledTracks, evaluation: Evaluation) -> None:
    """Trained and judged without any; two points are allowed, as the difference itself is uncertain by one."""
    blind = tracks.matrix.copy()
    blind[:, -1] = np.nan
    found = evaluate_recipe(replace(tracks, matrix=blind), repeats=2, seed=7, baselines=False)
    assert found.measured.scores.accuracy >= evaluation.measured.scores.accuracy - 0.02
    assert found.measured.scores.accuracy >= 0.815

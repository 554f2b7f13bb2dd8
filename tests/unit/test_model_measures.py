"""Metrics, temperature, the quantile map, folds and the paired test, against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.classifier.training.calibration import fit_temperature, mean_probabilities
from mood_core.classifier.training.encoder import fit_encoder
from mood_core.classifier.training.folds import make_folds
from mood_core.classifier.training.metrics import accuracy_at_coverage, confusion, score, threshold_at_coverage
from mood_core.classifier.training.promotion import paired_test
from mood_core.classifier.training.recipe import Recipe, blurred, shuffled_rows
from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import in_range
from mood_core.errors import InputError


def _noisy(random: np.random.Generator, labels: np.ndarray, skill: float, classes: int = 4) -> np.ndarray:
    logits = random.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    exponential = np.exp(logits)
    return np.asarray(exponential / exponential.sum(axis=1, keepdims=True))


def test_scores_agree_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 400)
    probabilities = _noisy(random, labels, 1.0)
    found = score(probabilities, labels, "abcd")
    predicted = probabilities.argmax(axis=1)
    assert found.accuracy == pytest.approx(sklearn.accuracy_score(labels, predicted))
    assert found.macro_f1 == pytest.approx(sklearn.f1_score(labels, predicted, average="macro"))
    assert found.log_loss == pytest.approx(sklearn.log_loss(labels, probabilities))
    assert list(found.recall.values()) == pytest.approx(sklearn.recall_score(labels, predicted, average=None))
    assert (confusion(probabilities, labels) == sklearn.confusion_matrix(labels, predicted)).all()


def test_calibration_error_is_none_for_certain_truth_and_all_for_certain_error() -> None:
    labels = np.array([0, 1, 2, 3])
    assert score(np.eye(4), labels, "abcd").ece == pytest.approx(0.0)
    assert score(np.eye(4)[::-1], labels, "abcd").ece == pytest.approx(1.0)


def test_coverage_keeps_the_surest() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.55, 0.45]])
    labels = np.array([0, 0, 0, 0])
    assert accuracy_at_coverage(probabilities, labels, 0.5) == 1.0
    assert accuracy_at_coverage(probabilities, labels, 1.0) == 0.75
    assert threshold_at_coverage(probabilities, labels, 0.5) == pytest.approx(0.8)


def test_the_temperature_undoes_overconfidence() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(4_000, 1, 4)) * 1.5
    shares = mean_probabilities(logits.astype(np.float32), 1.0)
    labels = np.array([random.choice(4, p=row) for row in shares])
    assert fit_temperature((logits * 1.6).astype(np.float32), labels) == pytest.approx(1.6, rel=0.1)


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=80), st.floats(-1e6, 2e6, width=32))
def test_the_quantile_map_ascends_and_stays_finite(values: list[float], probe: float) -> None:
    column = np.array(values, dtype=np.float32)[:, None]
    encoder = fit_encoder(column)
    queries = np.sort(np.append(column[:, 0], np.float32(probe)))[:, None]
    encoded = encoder.encode(queries)[:, 0]
    assert np.isfinite(encoded).all()
    assert (np.diff(encoded) >= -1e-6).all()


def test_a_column_without_values_maps_to_nothing() -> None:
    column = np.full((20, 1), np.nan, dtype=np.float32)
    encoded = fit_encoder(column).encode(column)
    assert (encoded == [0.0, 1.0]).all()


def test_blurred_rows_stay_legal_shares_and_lose_some_durations() -> None:
    random = np.random.default_rng(3)
    row = [0.99, 0.01, 0.5, 0.0, 0.1, -5.0, 0.05, 120.0, 0.5, 200_000.0]
    matrix = np.array([row] * 500, dtype=np.float32)
    result = blurred(matrix, Recipe(), random)
    assert in_range(result).all()
    assert 0 < np.isnan(result[:, -1]).mean() < 0.5
    assert (matrix == np.array(row, dtype=np.float32)).all()
    assert not (result[:, FEATURES.index("energy")] == 0.5).all()


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 30))
def test_every_epoch_holds_every_row(rows: int, batch: int, steps: int) -> None:
    drawn = shuffled_rows(rows, batch, steps, np.random.default_rng(0))
    assert drawn.shape == (steps * batch,)
    assert drawn.min() >= 0
    assert drawn.max() < rows
    if steps * batch >= rows:
        assert set(drawn[:rows].tolist()) == set(range(rows))


def test_folds_part_the_rows_and_keep_groups_together() -> None:
    pytest.importorskip("sklearn")
    labels = np.tile([0, 1, 2, 3], 25)
    groups = [f"artist {number // 4}" for number in range(100)]
    splits = make_folds(labels, 5, 2, 0, groups)
    assert len(splits) == 10
    for repeat in (0, 1):
        tested = np.concatenate([split.test for split in splits if split.repeat == repeat])
        assert sorted(tested.tolist()) == list(range(100))
    for split in splits:
        assert not {groups[row] for row in split.train} & {groups[row] for row in split.test}
    with pytest.raises(InputError, match="give fewer folds"):
        make_folds(labels, 30, 1, 0)


def test_a_better_model_is_promoted_and_an_equal_or_worse_one_is_not() -> None:
    random = np.random.default_rng(4)
    labels = random.integers(0, 4, 600)
    weak, strong = _noisy(random, labels, 1.0)[None], _noisy(random, labels, 2.5)[None]
    assert paired_test(strong, weak, labels).promoted
    assert not paired_test(weak, strong, labels).promoted
    assert not paired_test(weak, weak, labels).promoted
    assert "within noise" in paired_test(weak, weak, labels).reason


def test_equal_models_are_seldom_promoted_by_luck() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 4, 300)
    lucky = [
        paired_test(_noisy(random, labels, 1.5)[None], _noisy(random, labels, 1.5)[None], labels).promoted
        for _ in range(200)
    ]
    assert sum(lucky) <= 20

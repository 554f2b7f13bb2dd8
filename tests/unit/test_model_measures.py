"""Metrics, temperature, the quantile map, folds and the paired test, against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.classifier.training.encoder import fit_encoder
from mood_core.classifier.training.folds import make_folds
from mood_core.classifier.training.metrics import accuracy_at_coverage, confusion, score, threshold_at_coverage
from mood_core.classifier.training.promotion import paired_test
from mood_core.domain.softmax import WeightedRows, fit_softmax, softmax
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


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=80), st.floats(-1e6, 2e6, width=32))
def test_the_quantile_map_ascends_and_stays_finite(values: list[float], probe: float) -> None:
    column = np.array(values, dtype=np.float32)[:, None]
    encoder = fit_encoder(column)
    queries = np.sort(np.append(column[:, 0], np.float32(probe)))[:, None]
    encoded = encoder.quantiles(queries)[:, 0]
    assert np.isfinite(encoded).all()
    assert (np.diff(encoded) >= -1e-6).all()


def test_columns_without_values_map_to_nothing() -> None:
    columns = np.full((20, 3), np.nan, dtype=np.float32)
    inputs = fit_encoder(columns).inputs(columns)
    assert inputs.shape == (20, 3 + 2 + 6 + 2)
    assert (inputs[:, :-2] == 0).all()
    assert (inputs[:, -2:] == 1).all()


def test_the_regression_is_where_its_gradient_vanishes_and_masked_moods_teach_nothing() -> None:
    random = np.random.default_rng(3)
    inputs = np.c_[random.normal(size=(300, 3)), np.ones(300)]
    labels = random.integers(0, 3, 300)
    allowed = np.ones((300, 3), dtype=bool)
    allowed[200:, 2] = False
    labels[200:] %= 2
    weights, penalties = np.full(300, 1 / 300), np.full(4, 0.01)
    found = fit_softmax(WeightedRows(inputs, labels, allowed, weights, penalties))
    shares = softmax(np.where(allowed, inputs @ found, -1e9))
    gradient = inputs.T @ (weights[:, None] * (shares - np.eye(3)[labels])) + penalties[:, None] * found
    assert np.abs(gradient).max() < 1e-8
    split = np.r_[weights[:50] / 2, weights[50:], weights[:50] / 2]
    twice = np.r_[np.arange(300), np.arange(50)]
    again = fit_softmax(WeightedRows(inputs[twice], labels[twice], allowed[twice], split, penalties))
    np.testing.assert_allclose(again, found, atol=1e-6)


def test_folds_part_the_rows_and_keep_groups_together() -> None:
    pytest.importorskip("sklearn")
    labels = np.tile([0, 1, 2, 3], 25)
    groups = np.arange(100) // 4
    splits = make_folds(labels, 5, 2, 0, groups)
    assert len(splits) == 10
    for repeat in (0, 1):
        tested = np.concatenate([split.test for split in splits if split.repeat == repeat])
        assert sorted(tested.tolist()) == list(range(100))
    for split in splits:
        assert not set(groups[split.train]) & set(groups[split.test])
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
    assert "worse by" in paired_test(weak, strong, labels).reason


def test_the_mean_over_sources_decides_and_not_the_largest_source() -> None:
    random = np.random.default_rng(6)
    labels = random.integers(0, 4, 900)
    sources = np.array(["large"] * 700 + ["one"] * 100 + ["two"] * 100)
    weak, strong = _noisy(random, labels, 1.0), _noisy(random, labels, 2.5)
    mixed = np.where((sources == "large")[:, None], strong, weak)
    other = np.where((sources == "large")[:, None], weak, strong)
    assert paired_test(mixed[None], other[None], labels).promoted
    by_source = paired_test(mixed[None], other[None], labels, sources)
    assert (by_source.promoted, by_source.sources, by_source.log_loss_gain < 0) == (False, 3, True)


def test_equal_models_are_seldom_promoted_by_luck() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 4, 300)
    lucky = [
        paired_test(_noisy(random, labels, 1.5)[None], _noisy(random, labels, 1.5)[None], labels).promoted
        for _ in range(200)
    ]
    assert sum(lucky) <= 20

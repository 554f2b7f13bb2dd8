"""What is said beside a label: out of distribution, drift, attribution."""

from __future__ import annotations

import numpy as np
import pytest

from mood_core.classifier import Classifier, attribute, feature_drift, load_classifier
from mood_core.domain.records import FEATURES
from mood_core.errors import InputError


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier()


def _typical(classifier: Classifier, rows: int) -> np.ndarray:
    """Rows drawn feature by feature from the card's account of the training data."""
    random = np.random.default_rng(0)
    columns = []
    for feature in classifier.card.features:
        points = [feature.minimum, *feature.bin_edges, feature.maximum]
        shares = np.concatenate([[0.0], np.cumsum(feature.bin_shares)])
        columns.append(np.interp(random.random(rows), shares / shares[-1], points))
    return np.stack(columns, axis=1).astype(np.float32)


def test_training_like_rows_are_in_distribution_with_and_without_a_duration(classifier: Classifier) -> None:
    matrix = _typical(classifier, 500)
    matrix[::2, -1] = np.nan
    assert not classifier.out_of_distribution(matrix).any()


@pytest.mark.parametrize(("name", "value"), [("speechiness", 0.99), ("loudness", -80.0), ("duration_ms", 7_200_000.0)])
def test_one_value_far_outside_the_training_range_marks_the_row(
    classifier: Classifier, name: str, value: float
) -> None:
    matrix = _typical(classifier, 2)
    matrix[1, FEATURES.index(name)] = value
    assert classifier.out_of_distribution(matrix).tolist() == [False, True]


def test_a_matrix_of_another_width_is_refused(classifier: Classifier) -> None:
    with pytest.raises(InputError, match="10 features"):
        classifier.predict(np.zeros((2, 9), dtype=np.float32))


def test_no_drift_on_training_like_rows(classifier: Classifier) -> None:
    report = feature_drift(_typical(classifier, 5_000), classifier.card)
    assert report.level == "none"
    assert set(report.psi) == set(FEATURES)


def test_a_moved_feature_is_the_one_that_is_named(classifier: Classifier) -> None:
    matrix = _typical(classifier, 5_000)
    matrix[:, FEATURES.index("loudness")] -= 8.0
    report = feature_drift(matrix, classifier.card)
    assert (report.worst, report.level) == ("loudness", "warning")


def test_few_rows_give_no_level_and_missing_durations_no_drift(classifier: Classifier) -> None:
    matrix = _typical(classifier, 50)
    matrix[:, -1] = np.nan
    report = feature_drift(matrix, classifier.card)
    assert report.level == "too_few_rows"
    assert report.psi["duration_ms"] == 0.0
    assert np.isfinite(list(feature_drift(matrix[:0], classifier.card).psi.values())).all()


def test_music_that_is_all_alike_drifts_by_a_finite_number(classifier: Classifier) -> None:
    """Most bins of the training data are empty then, which must not make the index infinite."""
    alike = np.repeat(_typical(classifier, 1), 200, axis=0)
    report = feature_drift(alike, classifier.card)
    assert report.level == "warning"
    assert np.isfinite(list(report.psi.values())).all()


def test_a_feature_at_its_median_has_no_weight_and_the_strongest_comes_first(classifier: Classifier) -> None:
    matrix = np.array([[feature.median for feature in classifier.card.features]], dtype=np.float32)
    matrix[0, FEATURES.index("acousticness")] = 0.98
    matrix[0, FEATURES.index("energy")] = 0.05
    (parts,) = attribute(classifier, matrix)
    weights = {part.feature: part.weight for part in parts}
    assert weights["valence"] == 0.0
    assert parts[0].feature in {"acousticness", "energy"}
    assert parts[0].weight > 0
    assert [abs(part.weight) for part in parts] == sorted((abs(part.weight) for part in parts), reverse=True)

"""Feature matrices and the legal ranges."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import FEATURE_RANGES, in_range, range_problems
from mood_core.errors import InputError
from mood_core.tabular.feature_matrix import feature_matrix

GOOD = {
    "acousticness": 0.1,
    "danceability": 0.5,
    "energy": 0.8,
    "instrumentalness": 0.0,
    "liveness": 0.1,
    "loudness": -5.0,
    "speechiness": 0.05,
    "tempo": 120.0,
    "valence": 0.6,
    "duration_ms": 200_000,
}


def _table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{**GOOD, **row} for row in rows])


def test_columns_follow_the_features_order_whatever_the_tables_order() -> None:
    table = _table({}).select(sorted(GOOD, reverse=True))
    matrix = feature_matrix(table)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, [[GOOD[name] for name in FEATURES]])


def test_an_unknown_duration_becomes_nan_and_may_be_labelled() -> None:
    matrix = feature_matrix(_table({"duration_ms": None}, {}))
    assert np.isnan(matrix[:, -1]).tolist() == [True, False]
    assert range_problems(matrix) == [None, None]


def test_an_absent_duration_column_is_all_missing() -> None:
    matrix = feature_matrix(_table({}, {}).drop_columns(["duration_ms"]))
    assert np.isnan(matrix[:, -1]).all()


def test_a_chunked_table_keeps_its_rows_order() -> None:
    table = pa.concat_tables([_table({"energy": 0.1}), _table({"energy": 0.2}, {"energy": 0.3})])
    np.testing.assert_allclose(feature_matrix(table)[:, FEATURES.index("energy")], [0.1, 0.2, 0.3])


def test_an_absent_or_textual_column_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="tempo"):
        feature_matrix(_table({}).drop_columns(["tempo"]))
    with pytest.raises(InputError, match="energy"):
        feature_matrix(_table({"energy": "loud"}))


@pytest.mark.parametrize("name", FEATURES[:-1])
def test_a_missing_value_of_the_nine_is_a_problem(name: str) -> None:
    (problem,) = range_problems(feature_matrix(_table({name: None})))
    assert problem == f"{name} is missing"


@pytest.mark.parametrize("name", FEATURES)
def test_the_range_is_closed_and_nothing_beyond_it_passes(name: str) -> None:
    allowed = FEATURE_RANGES[name]
    step = 0.001 * (allowed.maximum - allowed.minimum)
    inside = _matrix(name, allowed.minimum, allowed.maximum)
    outside = _matrix(name, allowed.minimum - step, allowed.maximum + step, np.inf, -np.inf)
    assert range_problems(inside) == [None, None]
    assert all(problem and problem.startswith(f"{name} is ") for problem in range_problems(outside))


def test_seconds_for_milliseconds_are_named_as_such() -> None:
    (problem,) = range_problems(_matrix("duration_ms", 318.8))
    assert problem is not None
    assert "seconds" in problem


def _matrix(name: str, *values: float) -> np.ndarray:
    matrix = np.repeat(feature_matrix(_table({})), len(values), axis=0)
    matrix[:, FEATURES.index(name)] = values
    return matrix


@given(st.lists(st.lists(st.floats(width=32), min_size=10, max_size=10), min_size=0, max_size=20))
def test_the_two_judgements_always_agree(rows: list[list[float]]) -> None:
    matrix = np.array(rows, dtype=np.float32).reshape(-1, 10)
    assert [problem is None for problem in range_problems(matrix)] == in_range(matrix).tolist()


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="10 columns"):
        in_range(np.zeros((3, 9), dtype=np.float32))


def test_a_duration_of_zero_is_a_missing_one_everywhere() -> None:
    columns = {name: [0.0, 0.5] for name in FEATURES[:-1]}
    matrix = feature_matrix(pa.table({**columns, "duration_ms": [0, 200_000]}))
    assert np.isnan(matrix[0, -1])
    assert matrix[1, -1] == 200_000
    assert range_problems(matrix) == [None, None]

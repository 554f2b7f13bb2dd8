"""From probabilities to moods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.moods import label
from mood_core.domain.records import MOODS
from mood_core.errors import ModelError


def _rows(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_the_most_probable_mood_wins_and_a_tie_goes_to_the_first() -> None:
    labels = label(_rows([0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.0, 0.0]), 0.45)
    assert labels.names() == ["Sad", "Calm"]
    assert labels.uncertain.tolist() == [True, False]


def test_a_probability_at_the_threshold_is_certain() -> None:
    assert not label(_rows([0.64, 0.36, 0.0, 0.0]), 0.64).uncertain[0]


def test_no_rows_give_no_labels() -> None:
    assert label(np.empty((0, 4), dtype=np.float32), 0.5).names() == []


@pytest.mark.parametrize(
    "rows",
    [_rows([0.5, 0.5, 0.5, 0.5]), _rows([np.nan, 0.5, 0.5, 0.0]), _rows([1.5, -0.5, 0.0, 0.0]), _rows([0.5, 0.3, 0.2])],
)
def test_what_is_no_distribution_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(ModelError):
        label(rows, 0.5)


@given(st.lists(st.tuples(*[st.floats(0.01, 1.0)] * 4), min_size=1, max_size=30), st.floats(0, 1))
def test_a_higher_threshold_never_makes_a_label_certain(rows: list[tuple[float, ...]], threshold: float) -> None:
    raw = np.array(rows)
    probabilities = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    low, high = label(probabilities, threshold / 2), label(probabilities, threshold)
    assert (low.uncertain <= high.uncertain).all()
    assert set(high.names()) <= set(MOODS)

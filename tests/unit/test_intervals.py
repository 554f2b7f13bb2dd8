"""The interval of a share against the exact Poisson-binomial distribution."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mood_core.domain.intervals import Z_90, share_interval
from mood_core.store.engine.sql_files import sql_folder


def _distribution(chances: list[float]) -> NDArray[np.float64]:
    """The probability of 0 to n successes, exactly."""
    found = np.ones(1)
    for chance in chances:
        found = np.convolve(found, [1 - chance, chance])
    return found


def _interval(chances: list[float], unlabelled: int = 0) -> tuple[float, float]:
    variance = sum(chance * (1 - chance) for chance in chances)
    return share_interval(sum(chances), variance, len(chances), len(chances) + unlabelled)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_holds_ninety_percent_of_the_exact_distribution(chances: list[float]) -> None:
    low, high = (end * len(chances) for end in _interval(chances))
    exact = _distribution(chances)
    counts = np.arange(len(exact))
    assert exact[(counts >= low - 1e-9) & (counts <= high + 1e-9)].sum() >= 0.89


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 20))
def test_both_ends_are_shares_and_hold_the_mean(chances: list[float], unlabelled: int) -> None:
    low, high = _interval(chances, unlabelled)
    listens = len(chances) + unlabelled
    assert 0 <= low <= sum(chances) / listens + 1e-9
    assert sum(chances) / listens - 1e-9 <= high <= len(chances) / listens


def test_many_listens_make_it_narrow() -> None:
    few, many = _interval([0.5] * 10), _interval([0.5] * 1000)
    half = 0.1 * (1.645 * 2.5**0.5 + 0.5)
    assert few == pytest.approx((0.5 - half, 0.5 + half), abs=1e-4)
    assert many[1] - many[0] < 0.06


def test_no_listens_have_no_share() -> None:
    assert share_interval(0, 0, 0, 0) == (0.0, 0.0)


def test_the_sql_has_the_same_quantile() -> None:
    files = [*sql_folder().glob("views/*.sql"), *sql_folder().glob("shown/*.sql"), *sql_folder().glob("queries/*.sql")]
    found = [float(each) for file in files for each in re.findall(r"\b(\d+\.\d+) \* sqrt\(", file.read_text("utf-8"))]
    assert len(found) >= 2
    assert set(found) == {Z_90}

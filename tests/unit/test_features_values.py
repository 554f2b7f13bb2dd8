"""Nine legal values of one source, or no record."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.vectors import FEATURE_RANGES, NINE
from mood_core.features.values import audio_features, legal_value
from tests.unit.features_fakes import AT, VALUES, track_id


def test_nine_legal_values_make_a_record() -> None:
    features = audio_features(track_id(1), VALUES, source="s", at=AT, duration_ms=200_000)
    assert features is not None
    assert [getattr(features, name) for name in NINE] == [VALUES[name] for name in NINE]
    assert (features.source, features.fetched_at, features.duration_ms) == ("s", AT, 200_000)


@pytest.mark.parametrize("name", NINE)
@pytest.mark.parametrize("bad", [None, "0.5", True, math.nan, math.inf, -math.inf, 10**400, [0.5], {}, 1e9, -1e9])
def test_one_missing_or_illegal_value_invalidates_the_record(name: str, bad: object) -> None:
    assert audio_features(track_id(1), {**VALUES, name: bad}, source="s", at=AT) is None


@pytest.mark.parametrize("name", NINE)
def test_an_absent_value_invalidates_the_record(name: str) -> None:
    assert audio_features(track_id(1), {n: v for n, v in VALUES.items() if n != name}, source="s", at=AT) is None


@pytest.mark.parametrize("duration", [None, 0, -5, "3:15", 215, math.nan, 10**12])
def test_an_illegal_duration_is_left_out(duration: object) -> None:
    features = audio_features(track_id(1), VALUES, source="s", at=AT, duration_ms=duration)
    assert features is not None
    assert features.duration_ms is None


@given(name=st.sampled_from(sorted(FEATURE_RANGES)), value=st.floats() | st.integers())
def test_legal_is_what_the_ranges_say(name: str, value: float) -> None:
    allowed = FEATURE_RANGES[name]
    expected = allowed.minimum <= value <= allowed.maximum
    assert (legal_value(name, value) is not None) is expected

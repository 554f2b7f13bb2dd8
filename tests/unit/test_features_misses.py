"""When the source of a feature miss is called again, and what can never have features."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.feature_misses import (
    NO_ISRC,
    NO_SPOTIFY_ID,
    UNKNOWN,
    UNUSABLE,
    PastMiss,
    is_due,
    never_has_features,
    rest_at,
)
from mood_core.domain.records import Track, TrackKind
from tests.unit.features_fakes import AT, track_id


@pytest.mark.parametrize(("count", "days"), [(1, 1), (2, 3), (3, 7), (4, 30), (5, 90), (6, 90), (50, 90)])
@pytest.mark.parametrize("reason", [UNKNOWN, UNUSABLE])
def test_misses_are_asked_again_at_growing_intervals(count: int, days: int, reason: str) -> None:
    miss = PastMiss(reason, AT, count)
    due = AT + timedelta(days=days)
    assert not is_due(miss, rest_at(due - timedelta(milliseconds=1)))
    assert is_due(miss, rest_at(due))


def test_what_was_never_missed_is_due() -> None:
    assert is_due(None, rest_at(AT))


def test_a_missing_recording_code_is_no_miss_to_wait_for_once_it_is_known() -> None:
    assert not is_due(PastMiss(NO_ISRC, AT, 1), rest_at(AT))
    assert is_due(PastMiss(NO_ISRC, AT, 1), rest_at(AT), "GBAAA2600001")
    assert is_due(PastMiss(NO_SPOTIFY_ID, AT, 1), rest_at(AT))


@given(count=st.integers(min_value=1, max_value=1000), hours=st.integers(min_value=0, max_value=100 * 24))
def test_intervals_never_shrink(count: int, hours: int) -> None:
    rest = rest_at(AT)
    missed_at = AT - timedelta(hours=hours)
    assert rest.holds(count + 1, missed_at) or not rest.holds(count, missed_at)


@pytest.mark.parametrize(
    ("track", "hopeless"),
    [
        (Track(track_id(1), "Song", ("A",)), False),
        (Track("spotify:local:A:B:Song:200", "Song", ("A",), kind=TrackKind.LOCAL), True),
        (Track("spotify:local:A:B:Song:200", "Song", ("A",)), True),
        (Track("spotify:episode:4rOoJ6Egrf8K2IrywzwOMk", "Episode", ("A",)), True),
        (Track("", "Song", ("A",)), True),
        (Track("isrc:GBAAA2600001", "Song", ("A",), isrc="GBAAA2600001"), False),
        (Track("isrc:GBAAA2600001", "Song", ("A",)), True),
        (Track(f"{track_id(1)},{track_id(2)}", "Two in one", ("A",)), True),
    ],
)
def test_local_files_and_episodes_never_have_features(track: Track, *, hopeless: bool) -> None:
    assert never_has_features(track) is hopeless

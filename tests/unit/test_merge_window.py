"""Merging the window of recent listens: nothing visible is lost or stored twice, no gap is missed or invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.recent_window import merge_window
from mood_core.domain.records import Listen, ListenSource

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = START + timedelta(days=2)


def _listen(minute: int, track: str = "t") -> Listen:
    return Listen("ada", START + timedelta(minutes=minute), track, ListenSource.RECENTLY_PLAYED)


def _merge(minutes: list[int], stored: list[int], *, full: bool) -> tuple[list[int], bool]:
    listens = [_listen(minute) for minute in minutes]
    earlier = [minute for minute in stored if minutes and minute < min(minutes)]
    merged = merge_window(
        "ada",
        listens,
        full=full,
        oldest_at=min((listen.played_at for listen in listens), default=None),
        stored={(START + timedelta(minutes=minute), "t") for minute in stored},
        before=START + timedelta(minutes=max(earlier)) if earlier else None,
        now=NOW,
    )
    new = [int((listen.played_at - START) / timedelta(minutes=1)) for listen in merged.new]
    return new, merged.gap is not None


def test_a_first_window_is_all_new_and_no_gap() -> None:
    assert _merge([3, 1, 2], [], full=True) == ([1, 2, 3], False)


def test_a_full_window_that_does_not_reach_what_is_stored_is_a_gap() -> None:
    assert _merge([10, 11], [1, 2], full=True) == ([10, 11], True)


def test_a_window_that_is_not_full_shows_everything() -> None:
    assert _merge([10, 11], [1, 2], full=False) == ([10, 11], False)


def test_a_window_that_reaches_what_is_stored_leaves_no_gap() -> None:
    assert _merge([2, 10, 11], [1, 2], full=True) == ([10, 11], False)


def test_a_late_listen_that_sorts_before_the_watermark_is_new() -> None:
    assert _merge([2, 3, 4], [2, 4], full=True) == ([3], False)


def test_late_listens_at_the_edge_of_a_full_window_may_have_had_others_before_them() -> None:
    assert _merge([3, 4, 5], [1, 2, 4, 5], full=True) == ([3], True)


@pytest.mark.parametrize(("stored_after", "gap"), [(set(), True), ({(NOW, "t")}, False)])
def test_a_window_of_episodes_alone_is_a_gap_where_it_begins_after_all_that_is_stored(
    stored_after: set[tuple[datetime, str]], gap: bool
) -> None:
    merged = merge_window("ada", [], full=True, oldest_at=NOW, stored=stored_after, before=START, now=NOW)
    assert (merged.new, merged.gap is not None) == ((), gap)


def test_the_gap_says_between_which_listens() -> None:
    merged = merge_window(
        "ada", [_listen(9)], full=True, oldest_at=START + timedelta(minutes=8), stored=set(), before=START, now=NOW
    )
    assert merged.gap is not None
    assert (merged.gap.starts_at, merged.gap.ends_at, merged.gap.found_at) == (START, START + timedelta(minutes=8), NOW)


def test_repeated_plays_of_one_track_stay_separate() -> None:
    looped = [_listen(minute, "loop") for minute in (1, 4, 7)]
    merged = merge_window("ada", looped, full=False, oldest_at=START, stored=set(), before=None, now=NOW)
    assert list(merged.new) == looped


@given(st.sets(st.integers(0, 60), max_size=30), st.sets(st.integers(0, 60), max_size=30), st.booleans())
def test_merging_adds_what_is_missing_and_nothing_else(window: set[int], stored: set[int], full: bool) -> None:
    new, gap = _merge(sorted(window), sorted(stored), full=full)
    assert new == sorted(window - stored)
    assert gap == bool(full and window and min(window) not in stored and any(at < min(window) for at in stored))
    # Merging the same window again finds nothing, and no gap.
    again = stored | window
    assert _merge(sorted(window), sorted(again), full=full) == ([], False)

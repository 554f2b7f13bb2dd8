"""How often accounts are pulled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.poll_schedule import (
    HALF_WINDOW,
    LONGEST,
    SHORTEST,
    UNKNOWN,
    Pace,
    due_at,
    interval,
    pulled_until,
    reason,
    within_quota,
)

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
MINUTES = st.lists(st.integers(0, 14 * 1440), max_size=200)


def _plays(minutes: list[int]) -> list[datetime]:
    return [NOW - timedelta(minutes=minute) for minute in minutes]


def _pace(minutes: list[int]) -> Pace:
    plays = sorted(_plays(minutes))
    return Pace(len(plays), min((b - a for a, b in zip(plays, plays[HALF_WINDOW:], strict=False)), default=None))


@given(MINUTES)
def test_a_wait_is_between_30_minutes_and_12_hours(minutes: list[int]) -> None:
    assert SHORTEST <= interval(_pace(minutes)) <= LONGEST


@given(MINUTES, MINUTES)
def test_who_plays_more_is_never_pulled_less(minutes: list[int], more: list[int]) -> None:
    if minutes:
        assert interval(_pace(minutes + more)) <= interval(_pace(minutes))


@given(st.lists(st.integers(0, 14 * 1440), min_size=1, max_size=200, unique=True))
def test_a_pace_seen_before_never_overflows_the_window(minutes: list[int]) -> None:
    plays = sorted(_plays(minutes))
    wait = interval(_pace(minutes))
    if wait > SHORTEST:
        assert all(sum(start <= play < start + wait for play in plays) <= 2 * HALF_WINDOW for start in plays)


def test_one_busy_evening_counts_after_days_of_silence() -> None:
    evening = [14_400 - 3 * number for number in range(60)]
    assert interval(_pace(evening)) == timedelta(minutes=75)


def _lost(wait: timedelta, minutes_a_play: float = 3.5) -> int:
    """The plays that a window of 50 loses between two pulls of a person who plays without a pause."""
    return max(int(wait / timedelta(minutes=minutes_a_play)) + 1 - 2 * HALF_WINDOW, 0)


def test_who_starts_again_after_weeks_loses_nothing_and_would_at_a_longer_wait() -> None:
    assert _lost(interval(Pace())) == 0
    assert _lost(timedelta(hours=3)) > 0
    assert _lost(LONGEST) == 156


def test_nothing_known_waits_two_hours_and_a_quiet_person_twelve() -> None:
    assert interval(Pace()) == UNKNOWN
    assert interval(_pace([1, 2, 3])) == LONGEST


def test_a_schedule_whose_runs_begin_some_seconds_apart_skips_none_of_them() -> None:
    minute = timedelta(minutes=1)
    assert due_at(NOW, Pace()) == NOW + UNKNOWN - minute
    assert pulled_until(NOW, 1, None) == NOW + minute


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_the_quota_is_never_planned_away(accounts: int, budget: int) -> None:
    assert accounts * (timedelta(days=1) / within_quota(accounts, budget)) <= budget


def test_a_small_quota_makes_everybody_wait() -> None:
    two_hours, three_hours = NOW - timedelta(hours=2), NOW - timedelta(hours=3)
    assert three_hours <= pulled_until(NOW, 50, 500) < two_hours


def test_every_wait_has_its_reason() -> None:
    evening = _pace([3 * number for number in range(60)])
    assert reason(evening, timedelta(0)) == "25 plays in 75 min at the busiest"
    assert reason(evening, timedelta(hours=3)) == "limited by the daily call budget"
    assert reason(_pace([1, 2]), timedelta(0)) == "only 2 plays in two weeks"
    assert reason(Pace(), timedelta(0)) == "no plays in two weeks"

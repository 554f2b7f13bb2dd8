"""Days as numbers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mood_core.domain.days import MONTHS, WEEKDAYS, day_number, day_of


@pytest.mark.parametrize(
    ("day", "number"), [("1969-12-31", -1), ("1970-01-01", 0), ("2000-03-01", 11_017), ("2026-11-28", 20_785)]
)
def test_days_are_counted_from_1970(day: str, number: int) -> None:
    assert day_number(date.fromisoformat(day)) == number
    assert day_of(number) == date.fromisoformat(day)


def test_names_are_those_of_the_calendar() -> None:
    monday = date(2026, 11, 23)
    assert tuple(f"{monday + timedelta(days=at):%a}" for at in range(7)) == WEEKDAYS
    assert tuple(f"{date(2026, month, 1):%b}" for month in range(1, 13)) == MONTHS

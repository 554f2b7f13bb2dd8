"""The week, month or year that a recap is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mood_core.text.format import date_range


class Unit(StrEnum):
    """The length of a period."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """A week from Monday to Sunday, a calendar month or a calendar year; both days are included."""

    unit: Unit
    first: date
    last: date

    @property
    def before(self) -> Period:
        """The period before."""
        return period_with(self.unit, self.first - timedelta(days=1))

    @property
    def dates(self) -> str:
        """The days for people: 16–22 Nov 2026, November 2026, 2026."""
        if self.unit is Unit.WEEK:
            return date_range(self.first, self.last)
        return f"{self.first:%B %Y}" if self.unit is Unit.MONTH else f"{self.first.year}"

    @property
    def name(self) -> str:
        """The period in a sentence: the week of 16–22 Nov 2026, November 2026, 2026."""
        return f"the week of {self.dates}" if self.unit is Unit.WEEK else self.dates

    @property
    def key(self) -> str:
        """The period in file names: the Monday, the month or the year."""
        return str(self.first)[: {Unit.WEEK: 10, Unit.MONTH: 7, Unit.YEAR: 4}[self.unit]]

    def last_so_far(self, today: date) -> date | None:
        """``today`` if the period has begun and is not over; None otherwise."""
        return today if self.first <= today < self.last else None

    def part_of(self, day: date) -> int:
        """The index of the bar that counts ``day``: its day, or in a year its month."""
        return day.month - 1 if self.unit is Unit.YEAR else (day - self.first).days

    @property
    def parts(self) -> int:
        """The number of bars: days, or the months of a year."""
        return self.part_of(self.last) + 1

    def part_name(self, part: int) -> str:
        """A bar in a sentence: on Monday, on 14 Nov, in March."""
        if self.unit is Unit.YEAR:
            return f"in {date(self.first.year, part + 1, 1):%B}"
        day = self.first + timedelta(days=part)
        return f"on {day:%A}" if self.unit is Unit.WEEK else f"on {day.day} {day:%b}"


def up_to(until: date | None) -> str:
    """Where the counts of a period that is not over end: up to 28 Nov. Empty for None."""
    return f"up to {until.day} {until:%b}" if until else ""


def compared_days(before: str, until: date | None) -> str:
    """What a period is compared with in a sentence: 2025, or the same days of 2025 if it is not over."""
    return f"the same days of {before}" if until else before


def period_with(unit: Unit, day: date) -> Period:
    """The period that contains ``day``."""
    if unit is Unit.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(unit, monday, monday + timedelta(days=6))
    if unit is Unit.YEAR:
        return Period(unit, date(day.year, 1, 1), date(day.year, 12, 31))
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return Period(unit, day.replace(day=1), following - timedelta(days=1))


def last_full(unit: Unit, today: date) -> Period:
    """The last period that has ended."""
    return period_with(unit, today).before

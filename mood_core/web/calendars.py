"""Calendars of months: weeks of cells, each with the leading mood and the size of its mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Any

from mood_core.domain.records import UNLABELLED
from mood_core.report.recap import no_listens
from mood_core.report.recap_period import Period, Unit, period_with
from mood_core.web.shares import DayCount, leading

FEW_A_DAY = 3
"""A day with fewer labelled listens has a pale mark: its leading mood says little."""

_SIZES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A day: its listens by mood, the leading mood, the size of the mark (0-4), and whether listens may be missing."""

    day: date
    listens: dict[str, int]
    mood: str | None
    size: int
    gap: bool

    @property
    def total(self) -> int:
        """All listens."""
        return sum(self.listens.values())

    @property
    def is_few(self) -> bool:
        """Whether there are too few labelled listens for the leading mood to say much."""
        return self.total - self.listens[UNLABELLED] < FEW_A_DAY


@dataclass(frozen=True, slots=True, eq=False)
class Month:
    """A month in weeks from Monday to Sunday; None for days of other months."""

    period: Period
    weeks: list[list[Cell | None]]
    listens: dict[str, int]


def calendar(period: Period, days: Iterable[DayCount], gaps: Sequence[dict[str, Any]]) -> list[Month]:
    """The months of ``period`` with the counts of ``days``."""
    counts: dict[date, dict[str, int]] = {}
    for one in days:
        counts.setdefault(one.day, no_listens())[one.mood] += one.listens
    most = max((sum(day.values()) for day in counts.values()), default=1)
    spans = [(gap["starts_at"][:10], gap["ends_at"][:10]) for gap in gaps if not gap["filled"]]
    firsts = [period.first]
    if period.unit is Unit.YEAR:
        firsts = [date(period.first.year, month, 1) for month in range(1, 13)]
    return [_month(period_with(Unit.MONTH, first), counts, most, spans) for first in firsts]


def _month(period: Period, counts: dict[date, dict[str, int]], most: int, spans: list[tuple[str, str]]) -> Month:
    total = no_listens()
    days = [period.first + timedelta(days=at) for at in range((period.last - period.first).days + 1)]
    cells: list[Cell | None] = [None] * period.first.weekday()
    for day in days:
        listens = counts.get(day) or no_listens()
        for mood, count in listens.items():
            total[mood] += count
        gap = any(begin <= str(day) <= end for begin, end in spans)
        cells.append(Cell(day, listens, leading(listens), _size(sum(listens.values()), most), gap))
    cells += [None] * (-len(cells) % 7)
    return Month(period, [cells[at : at + 7] for at in range(0, len(cells), 7)], total)


def _size(total: int, most: int) -> int:
    """The size of a mark: its area grows with the listens."""
    return 0 if not total else max(1, round(_SIZES * sqrt(total / most)))

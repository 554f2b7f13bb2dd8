"""The periods in addresses: a year, a month, a day."""

from __future__ import annotations

import re
from datetime import date

from mood_core.report.recap_period import Period, Unit, period_with

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_YEAR, _MONTH, _DAY = r"\d{4}", r"\d{4}-\d{2}", r"\d{4}-\d{2}-\d{2}"


def parse_period(text: str) -> Period | None:
    """The year or month ``text``, such as 2026 or 2026-11; None for anything else."""
    if re.fullmatch(_YEAR, text, re.ASCII):
        return _period(Unit.YEAR, f"{text}-01-01")
    return _period(Unit.MONTH, f"{text}-01") if re.fullmatch(_MONTH, text, re.ASCII) else None


def parse_day(text: str) -> date | None:
    """The day ``text``, such as 2026-11-24; None for anything else."""
    if not re.fullmatch(_DAY, text, re.ASCII):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _period(unit: Unit, first: str) -> Period | None:
    day = parse_day(first)
    return None if day is None else period_with(unit, day)


def after(period: Period) -> Period:
    """The period after."""
    return period_with(period.unit, date.fromordinal(period.last.toordinal() + 1))

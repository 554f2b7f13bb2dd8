"""Local days as numbers since 1970-01-01, as in the database, and the short names of weekdays and months."""

from __future__ import annotations

from datetime import date

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_EPOCH = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """The days from 1970-01-01 to ``day``."""
    return day.toordinal() - _EPOCH


def day_of(number: int) -> date:
    """The day with the number ``number``."""
    return date.fromordinal(_EPOCH + number)

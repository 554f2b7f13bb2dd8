"""Local days: as numbers since 1970-01-01, as in the database, and as times; short names of weekdays and months."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mood_core.domain.records import to_ms

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_EPOCH = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """The days from 1970-01-01 to ``day``."""
    return day.toordinal() - _EPOCH


def day_of(number: int) -> date:
    """The day with the number ``number``."""
    return date.fromordinal(_EPOCH + number)


def local_span(days: tuple[date, date], timezone: str) -> tuple[int, int]:
    """The beginning of the first and the end (exclusive) of the last of the local ``days``, in ms since 1970."""
    zone = ZoneInfo(timezone)
    begin, end = (datetime.combine(day, time.min, zone) for day in (days[0], days[1] + timedelta(days=1)))
    return to_ms(begin), to_ms(end)

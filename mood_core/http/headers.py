"""Times in the headers of HTTP answers: dates, and for how long a service asks to be left alone. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_S = 30 * 86_400.0
"""The longest Retry-After that is believed, s. A longer one is taken for this: a slip must not silence us for years."""


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to :data:`LONGEST_RETRY_AFTER_S`; None if unreadable.

    The header holds a number of seconds or an HTTP date, which counts from ``now``.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = http_time(value)
        seconds = math.nan if moment is None else max((moment - now).total_seconds(), 0.0)
    return min(seconds, LONGEST_RETRY_AFTER_S) if 0.0 <= seconds < math.inf else None


def http_time(value: str | None) -> datetime | None:
    """The aware UTC time of an HTTP date header, None where it cannot be read."""
    try:
        moment = parsedate_to_datetime(value) if value else None
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

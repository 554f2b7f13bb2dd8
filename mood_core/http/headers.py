"""Parses times in the headers of HTTP responses: dates and Retry-After. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER_S = 30 * 86_400.0
"""Upper limit of Retry-After, s, so that a wrong value does not stop calls for years."""


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """A Retry-After header in seconds, 0 to :data:`LONGEST_RETRY_AFTER_S`; None if unreadable.

    The header has a number of seconds, or an HTTP date, which is compared with ``now``.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        time = http_time(value)
        seconds = math.nan if time is None else max((time - now).total_seconds(), 0.0)
    return min(seconds, LONGEST_RETRY_AFTER_S) if 0.0 <= seconds < math.inf else None


def http_time(value: str | None) -> datetime | None:
    """The aware UTC time of an HTTP date header, None if unreadable."""
    try:
        time = parsedate_to_datetime(value) if value else None
        if time is None:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""Extracts single values from untrusted JSON: a valid value or None. Nothing here raises."""

from __future__ import annotations

from datetime import UTC, datetime

from mood_core.domain.bounds import EARLIEST_PLAY, LONGEST_MS
from mood_core.text.sanitise import plain

_LAST_YEAR = 3000
_MOST_ID_BYTES = 2000
"""Limit for a key in a PostgreSQL index."""


def identifier(value: object) -> str | None:
    """An id: any printable text, because Spotify defines its form."""
    if not isinstance(value, str) or not value or not value.isprintable():
        return None
    return value if len(value.encode()) <= _MOST_ID_BYTES else None


def text(value: object) -> str | None:
    """Text that is safe for databases and terminals; None for empty text."""
    return plain(value) if isinstance(value, str) and value else None


def names(entries: object) -> tuple[str, ...]:
    """The names in a list of objects, in order; objects without a name are skipped."""
    if not isinstance(entries, list):
        return ()
    found = (text(entry.get("name")) for entry in entries if isinstance(entry, dict))
    return tuple(name for name in found if name is not None)


def part(value: object) -> dict[str, object]:
    """An optional object; other values count as empty."""
    return value if isinstance(value, dict) else {}


def utc_time(value: object) -> datetime | None:
    """An ISO 8601 time with a zone as aware UTC, truncated to ms; None if invalid or before any possible play."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            return None
        time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if time < EARLIEST_PLAY or time.year >= _LAST_YEAR:
        return None
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def milliseconds(value: object) -> int | None:
    """A duration in whole milliseconds that fits 32 bits; None also for 0, which means "unknown"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 1 <= value <= LONGEST_MS else None

"""Single values out of untrusted JSON: usable, or None. Nothing here raises."""

from __future__ import annotations

from datetime import UTC, datetime

from mood_core.text.sanitise import plain

_MAX_INT32 = 2**31 - 1
_FIRST_YEAR, _LAST_YEAR = 2000, 3000
_MOST_ID_BYTES = 2000
"""What PostgreSQL still takes into an index."""


def identifier(value: object) -> str | None:
    """A usable id: some printable text. Its form is Spotify's business."""
    if not isinstance(value, str) or not value or not value.isprintable():
        return None
    return value if len(value.encode()) <= _MOST_ID_BYTES else None


def text(value: object) -> str | None:
    """Text without what databases or terminals would stumble over; None for empty text."""
    return plain(value) if isinstance(value, str) and value else None


def names(entries: object) -> tuple[str, ...]:
    """The names of a list of objects that have one, in their order."""
    if not isinstance(entries, list):
        return ()
    found = (text(entry.get("name")) for entry in entries if isinstance(entry, dict))
    return tuple(name for name in found if name is not None)


def part(value: object) -> dict[str, object]:
    """An optional object; whatever else stands in its place counts as empty."""
    return value if isinstance(value, dict) else {}


def utc_time(value: object) -> datetime | None:
    """An ISO 8601 time with a zone as aware UTC, cut to milliseconds; None where no play can have been then."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def milliseconds(value: object) -> int | None:
    """A length in whole milliseconds that fits 32 bits; None for 0 as well, which stands for "not known"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 1 <= value <= _MAX_INT32 else None

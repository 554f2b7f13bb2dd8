"""Numbers and days in sentences."""

from __future__ import annotations

from datetime import date


def plural(count: int, word: str = "", words: str | None = None) -> str:
    """A number, with a ``word`` for what it counts; ``words`` is its plural where that is not made by an s.

    Thousands stand apart by a narrow space, which means the same everywhere; a comma or a point does not.
    """
    named = word if count == 1 or not word else words or f"{word}s"
    return f"{count:,} {named}".replace(",", "\u202f").rstrip()


def date_range(first: date, last: date) -> str:
    """Two days as people write them; what they share is said once: 16–22 Nov 2026, 28 Sep – 4 Oct 2026."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b %Y}"
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first.year}'} – {last.day} {last:%b %Y}"

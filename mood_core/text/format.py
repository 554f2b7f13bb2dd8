"""Formats numbers and dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_WITHOUT_SHAPE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""The fillers of Hangul and the empty Braille pattern, which people use as names."""


def plural(count: int, word: str = "", words: str | None = None) -> str:
    """Format a number with a noun: ``word``, or its plural ``words`` (by default with an s).

    Thousands are separated by a narrow space, which has the same meaning in every country, unlike comma and point.
    """
    named = word if count == 1 or not word else words or f"{word}s"
    return f"{count:,} {named}".replace(",", "\u202f").rstrip()


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The first ``most`` of ``names``, and how many there are more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {plural(more)} more" if more > 0 else "")


def shown_title(title: str) -> str:
    """``title`` as pages show it: a title without a visible character would be an empty link."""
    return title if is_visible(title) else "(untitled)"


def is_visible(text: str) -> bool:
    """Whether ``text`` has a character that can be seen: not only spaces, controls and letters without a shape."""
    return any(char.isprintable() and not char.isspace() and char not in _WITHOUT_SHAPE for char in text)


def written_number(value: float) -> str:
    """Format a measured value in up to four digits, never in powers of ten; thousands as :func:`plural` does."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return "< 0.0001" if 0 < abs(value) < 0.0001 else f"{value:.4g}"


def date_range(first: date, last: date) -> str:
    """Format a range of dates without repeating common parts: 16–22 Nov 2026, 28 Sep – 4 Oct 2026."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b %Y}"
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first.year}'} – {last.day} {last:%b %Y}"

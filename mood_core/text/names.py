"""Compares and orders names of people without regard to upper case and to how Unicode composes accents."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SIGNS = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+")
_MOST_DIGITS = 20


def name_key(name: str) -> str:
    """``name`` as it is compared: two names with one key are the same name. Names are stored as written."""
    folded = unicodedata.normalize("NFD", name.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


@lru_cache(maxsize=4096)
def name_order(name: str) -> str:
    """The sort key of ``name`` in lists for people: without regard to case and accents, and "p2" before "p10"."""
    parts = unicodedata.normalize("NFKD", name_key(name))
    letters = "".join(sign for sign in parts if not unicodedata.combining(sign))
    return _DIGITS.sub(lambda digits: digits[0].zfill(_MOST_DIGITS), letters)


def local_id(name: str) -> str:
    """The id of the person called ``name`` if they have no Spotify account."""
    return f"local-{_SIGNS.sub('-', name_key(name)).strip('-') or 'person'}"

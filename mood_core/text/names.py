"""Compares names of people without regard to upper case and to how Unicode composes accents."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = re.compile(r"[\W_]+")


def name_key(name: str) -> str:
    """``name`` as it is compared: two names with one key are the same name. Names are stored as written."""
    folded = unicodedata.normalize("NFD", name.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


def local_id(name: str) -> str:
    """The id of the person called ``name`` if they have no Spotify account."""
    return f"local-{_SIGNS.sub('-', name_key(name)).strip('-') or 'person'}"

"""The fonts of pictures: matplotlib's own, and those of this machine for letters that it lacks."""

from __future__ import annotations

import logging
import unicodedata
from functools import cache

FAMILY = "DejaVu Sans"
"""The font family that matplotlib contains."""

NO_FONT = "a name in letters that no font here has"
"""What pictures say instead of a name that matplotlib cannot draw."""


def drawable(name: str) -> tuple[str, list[str]]:
    """``name`` without letters that no font here has, such as emoji, and its families; a sentence if none is left."""
    families = families_of(name)
    if families is not None:
        return name, families
    known = " ".join("".join(sign for sign in name if families_of(sign) is not None).split())
    families = families_of(known) if any(sign.isalnum() for sign in known) else None
    return (NO_FONT, [FAMILY]) if families is None else (known, families)


def families_of(name: str) -> list[str] | None:
    """The font families that together have every character of ``name``; None if matplotlib cannot draw it."""
    missing, families = set(map(ord, name)) - _characters(FAMILY), [FAMILY]
    if not _orders_letters() and any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in name):
        return None
    for family in _installed() if missing else ():
        if missing & _characters(family):
            missing -= _characters(family)
            families.append(family)
    return None if missing else families


def _orders_letters() -> bool:
    """Whether matplotlib writes scripts from right to left, which it does since 3.11."""
    import matplotlib as mpl

    return mpl.__version_info__ >= (3, 11)


def _installed() -> list[str]:
    """The font families of this machine, without the one that has a box for every character."""
    from matplotlib import font_manager

    return sorted({font.name for font in font_manager.fontManager.ttflist if not font.name.startswith("Last Resort")})


@cache
def _characters(family: str) -> frozenset[int]:
    """The characters that both weights of ``family`` have."""
    from matplotlib import font_manager

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it warns of families without a weight
    weights = (font_manager.FontProperties(family=family, weight=weight) for weight in ("normal", "bold"))
    found = [frozenset(font_manager.get_font(font_manager.findfont(each)).get_charmap()) for each in weights]
    return found[0] & found[1]

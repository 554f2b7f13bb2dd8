"""Compares artists and titles that are written differently in different places. Pure.

The rule, in this order: Unicode NFKC, case folded, accents kept; "feat." and "with" in brackets dropped;
suffixes that name the same recording dropped ("- 2011 Remaster", "- Remastered 2009", "- Mono", "- Single Version",
"- Radio Edit" stays: it is another recording); "&" and "and" alike; every other sign a blank. Live, acoustic, demo and
remix versions stay different.
"""

from __future__ import annotations

import re
import unicodedata

_GUESTS = re.compile(r"\s*[(\[](?:feat\.?|ft\.?|featuring|with)\s[^)\]]*[)\]]|\s+(?:feat\.|ft\.|featuring)\s.*$")
_SAME_RECORDING = re.compile(
    r"\s+[-–—]\s+(?:(?:digital(?:ly)?\s)?remaster(?:ed)?(?:\s(?:version|in))?(?:\s\d{4})?"
    r"|\d{4}\s(?:digital\s|re-?)?remaster(?:ed)?(?:\sversion)?|mono|stereo|single version|album version"
    r"|original version)$"
    r"|\s*[(\[](?:(?:\d{4}\s)?(?:digital\s)?remaster(?:ed)?(?:\s\d{4})?|album version|single version)[)\]]$"
)
_SIGNS = re.compile(r"[\W_]+")


def plain_title(title: str) -> str:
    """``title`` as it is compared; a title of signs alone stays as it is."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    return _plain(_SAME_RECORDING.sub("", _GUESTS.sub("", folded))) or folded.strip()


def plain_artist(artist: str) -> str:
    """``artist`` as it is compared."""
    folded = unicodedata.normalize("NFKC", artist).casefold()
    return _plain(folded) or folded.strip()


def artist_spellings(artists: str) -> list[str]:
    """The comparable names under which the main artist of "A, B, C" may stand: A; A, B; A, B, C."""
    parts = artists.split(", ")
    return [plain_artist(", ".join(parts[:count])) for count in range(1, len(parts) + 1)]


def one_name(title: str, artists: str) -> str:
    """What all recordings of one name by the main artist of "A, B" have in common; empty without a title."""
    return f"{plain_artist(artists.partition(', ')[0])}\n{plain_title(title)}" if title else ""


def _plain(text: str) -> str:
    return _SIGNS.sub(" ", text.replace("&", " and ")).strip()

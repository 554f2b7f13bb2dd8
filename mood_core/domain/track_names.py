"""Normalises artists and titles so that different spellings can be compared. Pure.

The steps: Unicode NFKC and case folding, accents are kept; "feat." and "with" in brackets are dropped; suffixes of the
same recording are dropped ("- 2011 Remaster", "- Remastered 2009", "- Mono", "- Single Version"; not "- Radio Edit",
which is another recording); "&" becomes "and"; every other symbol becomes a space. Live, acoustic, demo and remix
versions stay different.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_GUESTS = re.compile(r"\s*[(\[](?:feat\.?|ft\.?|featuring|with)\s[^)\]]*[)\]]|\s+(?:feat\.|ft\.|featuring)\s.*$")
_SAME_RECORDING = re.compile(
    r"\s+[-–—]\s+(?:(?:digital(?:ly)?\s)?remaster(?:ed)?(?:\s(?:version|in))?(?:\s\d{4})?"
    r"|\d{4}\s(?:digital\s|re-?)?remaster(?:ed)?(?:\sversion)?|mono|stereo|single version|album version"
    r"|original version)$"
    r"|\s*[(\[](?:(?:\d{4}\s)?(?:digital\s)?remaster(?:ed)?(?:\s\d{4})?|album version|single version)[)\]]$"
)
_SIGNS = re.compile(r"[\W_]+")


def plain_title(title: str) -> str:
    """The normalised ``title``; a title of symbols only is just case-folded."""
    searched = searched_title(title)
    return _plain(searched) or unicodedata.normalize("NFKC", title).casefold().strip()


def searched_title(title: str) -> str:
    """``title`` in lower case without guests and suffixes of the same recording, for a search at a service."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    return _SAME_RECORDING.sub("", _GUESTS.sub("", folded)).strip() or folded.strip()


def plain_artist(artist: str) -> str:
    """The normalised ``artist``."""
    folded = unicodedata.normalize("NFKC", artist).casefold()
    return _plain(folded) or folded.strip()


def artist_spellings(artists: str) -> list[str]:
    """The normalised names that the main artist of "A, B, C" may have: A; A, B; A, B, C."""
    return cumulative_artists(artists.split(", "))


def cumulative_artists(artists: Sequence[str]) -> list[str]:
    """The normalised names A; A, B; A, B, C of the ``artists`` A, B and C."""
    return [plain_artist(", ".join(artists[:count])) for count in range(1, len(artists) + 1)]


def one_name(title: str, artists: str) -> str:
    """A key that all recordings of one title by the main artist of "A, B" share; empty without a title."""
    return f"{plain_artist(artists.partition(', ')[0])}\n{plain_title(title)}" if title else ""


def _plain(text: str) -> str:
    return _SIGNS.sub(" ", text.replace("&", " and ")).strip()

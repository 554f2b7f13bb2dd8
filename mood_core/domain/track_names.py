"""Normalises artists and titles so that different spellings can be compared. Pure.

The steps: Unicode NFKC and case folding, accents and vowel signs are kept; guests are dropped ("feat.", "with" in
brackets); suffixes of the same recording are dropped, after a dash or in brackets ("- 2011 Remaster", "(Mono)",
"- Single Version"; not "- Radio Edit", which is another recording); "&" becomes "and"; every other symbol becomes a
space. Live, acoustic, demo and remix versions stay different.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from mood_core.domain.bounds import LONGEST_NAME_BYTES
from mood_core.domain.records import TrackName

_GUESTS = re.compile(
    r"\s*[(\[【](?:feat\.?|ft\.?|featuring|w/|with(?!\s(?:me|you|u|us|him|her|them|it|my|your|a|out)\b))\s[^)\]】]*[)\]】]"
    r"|\s+(?:feat\.|ft\.|featuring)\s(?:(?!\s+[-–—]\s|\s*[(\[【]).)*",
    re.IGNORECASE,
)
_REMASTER = r"(?:digital(?:ly)?\s)?remaster(?:ed)?"
_KIND = (
    rf"(?:{_REMASTER}(?:\s(?:version|in))?(?:\s\d{{4}})?|\d{{4}}(?:\s-)?\s(?:re-?)?{_REMASTER}(?:\sversion)?"
    r"|(?:mono|stereo)(?:\sversion)?|(?:single|album|original)\sversion|bonus\strack)"
)
_KINDS = rf"{_KIND}(?:\s?/\s?{_KIND})*"
_SAME_RECORDING = re.compile(rf"(?:\s+[-–—]\s+{_KINDS}|\s*[(\[【]{_KINDS}[)\]】])+$")
_SIGNS = re.compile(r"[\W_]+")
_INVISIBLE = frozenset(("Cf", "Me"))


def plain_title(title: str) -> str:
    """The normalised ``title``; a title of symbols only is just case-folded."""
    searched = searched_title(title)
    return _plain(searched) or unicodedata.normalize("NFKC", title).casefold().strip()


def searched_title(title: str) -> str:
    """``title`` in lower case without guests and suffixes of the same recording, for a search at a service."""
    folded = unicodedata.normalize("NFKC", title).casefold().strip()
    return _SAME_RECORDING.sub("", _GUESTS.sub("", folded).strip()).strip(" -–—") or folded


def plain_artist(artist: str) -> str:
    """The normalised ``artist``, without guests."""
    searched = searched_artist(artist).casefold()
    return _plain(searched) or searched


def searched_artist(artist: str) -> str:
    """``artist`` without guests, for a search at a service."""
    name = unicodedata.normalize("NFKC", artist).strip()
    return _GUESTS.sub("", name).strip() or name


def artist_spellings(artists: str) -> list[str]:
    """The normalised names that the main artist of "A, B, C" may have: A; A, B; A, B, C."""
    return cumulative_artists(artists.split(", "))


def cumulative_artists(artists: Sequence[str]) -> list[str]:
    """The normalised names A; A, B; A, B, C of the ``artists`` A, B and C."""
    return [plain_artist(", ".join(artists[:count])) for count in range(1, len(artists) + 1)]


def one_name(title: str, artists: str) -> str:
    """A key that all recordings of one title by the main artist of "A, B" share; empty without a title."""
    return f"{plain_artist(artists.partition(', ')[0])}\n{plain_title(title)}" if title else ""


def other_names(seen: Iterable[TrackName], stored: Iterable[TrackName]) -> list[TrackName]:
    """The names in ``seen`` that no ``stored`` or earlier name of the track equals, with those that a track had before.

    The first name of a track that has none is its description, not another name.
    """
    names: dict[str, list[TrackName]] = {}
    spelled: dict[str, set[tuple[str, str]]] = {}
    for name in stored:
        names.setdefault(name.track_id, []).append(name)
        spelled.setdefault(name.track_id, set()).update(_spellings(name))
    result: dict[TrackName, None] = {}
    for name in seen:
        spellings = _spellings(name)
        known = spelled.setdefault(name.track_id, spellings)
        before = names.setdefault(name.track_id, [name])
        if not spellings <= known:
            known |= spellings
            result |= dict.fromkeys([*before, name])
    return [name for name in result if _fits(name)]


def _spellings(name: TrackName) -> set[tuple[str, str]]:
    title = plain_title(name.title)
    return {(artist, title) for artist in artist_spellings(name.artist)}


def _fits(name: TrackName) -> bool:
    return all(0 < len(text.encode()) <= LONGEST_NAME_BYTES for text in (name.artist, name.title))


def _plain(text: str) -> str:
    text = text.replace("&", " and ")
    if text.isascii():
        return _SIGNS.sub(" ", text).strip()
    kept = ""
    for character in text:
        kind = unicodedata.category(character)
        if kind in _INVISIBLE or (kind == "Mn" and not kept[-1:].strip()):
            continue  # also what selects the look of the symbol before it
        kept += character if character.isalnum() or kind in ("Mn", "Mc") else " "
    return " ".join(kept.split())

"""Finds tracks that a person has played by a part of the title or the artist, without regard to case and accents."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query

MOST = 50
LONGEST = 200


@dataclass(frozen=True, slots=True)
class FoundTrack:
    """A track with a person's number of listens."""

    track_id: str
    track: str
    artists: str
    listens: int


def search(database: Database, user_id: str, words: str) -> list[FoundTrack]:
    """The :data:`MOST` most played tracks whose title and artists contain all of ``words``.

    Raises:
        StoreError: The database cannot be read.
    """
    wanted = _key(words[:LONGEST]).split()
    if not wanted:
        return []
    rows = database.rows(query("web_heard_tracks"), {"user": user_id})
    found = [row for row in rows if _contains(f"{row.track} {row.artists}", wanted)]
    found.sort(key=lambda row: (-row.listens, row.track_id))
    return [FoundTrack(*row) for row in found[:MOST]]


def _contains(text: str, wanted: list[str]) -> bool:
    key = _key(text)
    return all(word in key for word in wanted)


def _key(text: str) -> str:
    if text.isascii():
        return text.lower()
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in split if not unicodedata.combining(sign))

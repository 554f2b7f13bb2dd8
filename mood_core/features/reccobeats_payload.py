"""ReccoBeats' answers, read strictly where they carry the join and leniently elsewhere. Pure.

The rule: ``{"content": [...]}`` with objects inside, each with an ``href`` that names a Spotify track; anything else
refuses the whole answer, since a broken join would make misses of tracks the service knows. Unknown fields are
ignored, and so are entries nobody asked for. Of several entries for one track or recording the first usable one in
the order of their Spotify id and UUID counts, whatever order the service gave them in. A missing or illegal value
spoils its own entry alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mood_core.errors import UnexpectedPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = "reccobeats"
EXCERPT_LENGTH = 200

_TRACK_HREF = re.compile(r"https?://open\.spotify\.com/(?:[^/?#]+/)?track/([0-9A-Za-z_-]+)/?(?:[?#].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``content``: the Spotify id its ``href`` names, its UUID, ISRC (normalised) and all its values."""

    track_id: str
    uuid: str
    isrc: str | None
    values: Mapping[str, object]


def read_entries(payload: object) -> tuple[Entry, ...]:
    """The entries of an answer, ordered by Spotify id and UUID.

    Raises:
        UnexpectedPayload: the answer does not follow the rule above.
    """
    content = payload.get("content") if isinstance(payload, dict) else None
    if not isinstance(content, list):
        raise unexpected("has no list named content", payload)
    return tuple(sorted((_entry(item) for item in content), key=lambda entry: (entry.track_id, entry.uuid)))


def normalised_isrc(isrc: object) -> str | None:
    """An ISRC as it is compared: capitals and digits, no hyphens; None where it cannot be one.

    It should have 12 characters, but labels' mistakes are in use too; what nobody knows is simply not found.
    """
    if not isinstance(isrc, str):
        return None
    compact = isrc.replace("-", "").replace(" ", "").upper()
    return compact if re.fullmatch(r"[A-Z0-9]{6,20}", compact) else None


def unexpected(what: str, payload: object) -> UnexpectedPayload:
    """The error for an answer that ``what``, with the payload's first characters."""
    text = payload if isinstance(payload, str) else repr(payload)
    message = f"ReccoBeats' answer {what}; it was not used"
    return UnexpectedPayload(message, source=SERVICE, excerpt=text[:EXCERPT_LENGTH])


def _entry(item: object) -> Entry:
    if not isinstance(item, dict):
        raise unexpected("holds an entry that is not an object", item)
    href = item.get("href")
    match = _TRACK_HREF.fullmatch(href) if isinstance(href, str) else None
    if match is None:
        raise unexpected("holds an entry whose href names no Spotify track", item)
    return Entry(match[1], str(item.get("id") or ""), normalised_isrc(item.get("isrc")), item)

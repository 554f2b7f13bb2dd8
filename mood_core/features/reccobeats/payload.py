"""ReccoBeats' answers as entries, and the rule of what is used of them. Pure.

An answer is ``{"content": [...]}`` with an object for each track the service knows. It is refused whole when it is not
of that form, or when more than half of its entries cannot be joined to what was asked: the service has changed, and
to go on would make misses of tracks it knows. A few entries that cannot be joined are left out, for refusing them
would keep their neighbours from being known, run after run. Unknown fields and entries nobody asked for are ignored.
Of several entries for one track or recording the first usable one in the order of their Spotify id and UUID counts,
whatever order the service gave them in. A missing or illegal value spoils its own entry alone.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.errors import GarbledPayload, UnexpectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SERVICE = "reccobeats"
EXCERPT_LENGTH = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``content`` with all its values.

    ``track_id`` is the Spotify id its ``href`` names, None where it names none; ``isrc`` is normalised.
    """

    track_id: str | None
    uuid: str
    isrc: str | None
    values: Mapping[str, object]


def read_entries(payload: object) -> tuple[Entry, ...]:
    """The entries of an answer, ordered by Spotify id and UUID.

    Raises:
        UnexpectedPayload: it has no ``content``, or what stands there are not objects.
    """
    content = payload.get("content") if isinstance(payload, dict) else None
    if not isinstance(content, list):
        raise unexpected("has no list named content", payload)
    objects = [item for item in content if isinstance(item, dict)]
    if 2 * len(objects) < len(content):
        raise unexpected("holds entries that are not objects", content)
    return in_order(map(_entry, objects))


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """``entries`` ordered by Spotify id and UUID."""
    return tuple(sorted(entries, key=lambda entry: (entry.track_id or "", entry.uuid)))


def by_key(entries: Sequence[Entry], key: Callable[[Entry], str | None]) -> dict[str, list[Entry]]:
    """The entries that have a ``key``, by it.

    Raises:
        UnexpectedPayload: more than half of them have none.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if (name := key(entry)) is not None:
            groups.setdefault(name, []).append(entry)
    joined = sum(map(len, groups.values()))
    if 2 * joined < len(entries):
        raise unexpected("holds entries that name no Spotify track or recording", [each.values for each in entries])
    if joined < len(entries):
        log.warning("ReccoBeats: %d entries name no Spotify track or recording; left out", len(entries) - joined)
    return groups


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
    return UnexpectedPayload(_not_used(what), source=SERVICE, excerpt=text[:EXCERPT_LENGTH])


def garbled(what: str, body: str) -> GarbledPayload:
    """The error for an answer that ``what`` and may come whole the next time, with its first characters."""
    return GarbledPayload(_not_used(what), source=SERVICE, excerpt=body[:EXCERPT_LENGTH])


def _not_used(what: str) -> str:
    return f"ReccoBeats' answer {what}; it was not used"


def _entry(item: Mapping[str, object]) -> Entry:
    href = item.get("href")
    track_id = parse_track_ref(href) if isinstance(href, str) else None
    return Entry(track_id, str(item.get("id") or ""), normalised_isrc(item.get("isrc")), item)

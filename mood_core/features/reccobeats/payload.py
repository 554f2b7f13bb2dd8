"""Parses ReccoBeats' responses. Pure.

A response is ``{"content": [...]}`` with an object for each known track. It is refused as a whole if it has another
form, or if more than half of its entries cannot be matched to the request: the service has probably changed, and
continuing would record misses for tracks it knows. A few unmatched entries are skipped, because refusing them would
block the others in every run. Unknown fields and entries that were not requested are ignored.

Of several entries for a track or recording, the first usable one by Spotify id and UUID counts, independent of the
order in the response. A missing or invalid value makes only its own entry invalid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.errors import UnexpectedPayload

SERVICE = "reccobeats"
EXCERPT_LENGTH = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``content`` with all its values.

    ``track_id`` is the Spotify id in its ``href``, or None; ``isrc`` is normalised.
    """

    track_id: str | None
    uuid: str
    isrc: str | None
    values: Mapping[str, object]


def read_entries(payload: object) -> tuple[Entry, ...]:
    """The entries of a response, sorted by Spotify id and UUID.

    Raises:
        UnexpectedPayload: it has no ``content``, or its entries are not objects.
    """
    content = payload.get("content") if isinstance(payload, dict) else None
    if not isinstance(content, list):
        raise unexpected("has no list named content", payload)
    objects = [item for item in content if isinstance(item, dict)]
    if 2 * len(objects) < len(content):
        raise unexpected("has entries that are not objects", content)
    return in_order(map(_entry, objects))


def in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """``entries`` sorted by Spotify id and UUID."""
    return tuple(sorted(entries, key=lambda entry: (entry.track_id or "", entry.uuid)))


def by_key(entries: Sequence[Entry], key: Callable[[Entry], str | None]) -> dict[str, list[Entry]]:
    """The entries that have a ``key``, grouped by it.

    Raises:
        UnexpectedPayload: more than half of them have none.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if (name := key(entry)) is not None:
            groups.setdefault(name, []).append(entry)
    joined = sum(map(len, groups.values()))
    if 2 * joined < len(entries):
        raise unexpected("has entries that name no Spotify track or recording", [each.values for each in entries])
    if joined < len(entries):
        log.warning("ReccoBeats: skipped %d entries without a Spotify track or recording", len(entries) - joined)
    return groups


def unexpected(what: str, payload: object) -> UnexpectedPayload:
    """The error for a response; ``what`` completes "ReccoBeats' response ...". Has the payload's first characters."""
    text = payload if isinstance(payload, str) else repr(payload)
    return UnexpectedPayload(_not_used(what), source=SERVICE, excerpt=text[:EXCERPT_LENGTH])


def _not_used(what: str) -> str:
    return f"ReccoBeats' response {what}; it was not used"


def _entry(item: Mapping[str, object]) -> Entry:
    href = item.get("href")
    track_id = parse_track_ref(href) if isinstance(href, str) else None
    return Entry(track_id, str(item.get("id") or ""), normalised_isrc(item.get("isrc")), item)

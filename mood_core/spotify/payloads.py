"""Converts the Web API's responses to records: pure functions of decoded, untrusted JSON.

An invalid item becomes a :class:`SkippedItem` with its reason, and the others are kept. A response with an invalid
structure raises :class:`~mood_core.errors.UnexpectedPayload`. Nothing else is raised for any input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from mood_core.domain.listen_window import ListenWindow, SkippedItem, SkipReason
from mood_core.domain.records import Listen, ListenSource, Track, TrackKind
from mood_core.domain.spotify_ids import LOCAL_FILE
from mood_core.errors import UnexpectedPayload
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.payload_values import identifier, milliseconds, names, part, text, utc_time
from mood_core.text.format import is_visible

WINDOW_SIZE = 50
"""Number of listens that ``recently-played`` returns at most."""

_LONGEST_PLAYLIST = 20_000  # twice Spotify's limit: stops if a server never ends its pages


@dataclass(frozen=True, slots=True)
class Profile:
    """An account's profile. ``account_id`` is Spotify's stable id, or the older ``id`` if the server has no other."""

    account_id: str
    display_name: str


class _Skip(Exception):
    """The item is skipped."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def parse_profile(payload: object) -> Profile:
    """The profile in a response of ``/me``.

    Raises:
        UnexpectedPayload: it has no id.
    """
    fields = _frame(payload, "me")
    account_id = identifier(fields.get("account_id")) or identifier(fields.get("id"))
    if account_id is None:
        _reject("me", "it has neither account_id nor id")
    name = text(fields.get("display_name"))
    return Profile(account_id, name if name and is_visible(name) else account_id)


def parse_window(payload: object, user_id: str) -> ListenWindow:
    """The listens in a response of ``/me/player/recently-played``.

    Raises:
        UnexpectedPayload: it has no list of items, or all items are invalid.
    """
    items = _items(payload, "me/player/recently-played")
    listens: dict[tuple[datetime, str], Listen] = {}
    tracks: dict[str, Track] = {}
    skipped: list[SkippedItem] = []
    times = [utc_time(item.get("played_at")) if isinstance(item, dict) else None for item in items]
    for position, (item, played_at) in enumerate(zip(items, times, strict=True)):
        try:
            listen, track = _listen(item, user_id, played_at)
        except _Skip as skip:
            skipped.append(SkippedItem(skip.reason, position, skip.detail))
            continue
        listens.setdefault((listen.played_at, listen.track_id), listen)
        tracks.setdefault(track.track_id, track)
    if items and all(skip.reason is SkipReason.MALFORMED for skip in skipped) and not listens:
        _reject("me/player/recently-played", f"none of {len(items)} items can be read: {skipped[0].detail}")
    ordered = tuple(listens[key] for key in sorted(listens))
    return ListenWindow(
        listens=ordered,
        tracks=tuple(tracks[track_id] for track_id in dict.fromkeys(listen.track_id for listen in ordered)),
        skipped=tuple(skipped),
        full=len(items) >= WINDOW_SIZE,
        oldest_at=min(filter(None, times), default=None),
    )


def parse_track(payload: object) -> Track:
    """The track in a response of ``/tracks/{id}``.

    Raises:
        UnexpectedPayload: it cannot be read as a track.
    """
    try:
        return _track(_frame(payload, "tracks/{id}"))
    except _Skip as skip:
        _reject("tracks/{id}", skip.detail or skip.reason)


@dataclass(frozen=True, slots=True)
class PlaylistPage:
    """A page of a playlist, from ``/playlists/{id}/<endpoint>``. ``next_offset`` is None on the last page."""

    entries: tuple[Track | SkippedItem, ...]
    endpoint: str
    next_offset: int | None


def parse_playlist_page(payload: object, endpoint: str, offset: int) -> PlaylistPage:
    """One page of ``/playlists/{id}/items`` or, with ``track`` instead of ``item``, of ``/playlists/{id}/tracks``.

    Raises:
        UnexpectedPayload: it has no list of items.
    """
    name = f"playlists/{{id}}/{endpoint}"
    items = _items(payload, name)
    fields = _frame(payload, name)
    entries = tuple(_entry(item, offset + position) for position, item in enumerate(items))
    following = offset + len(items)
    total = fields.get("total")
    is_last = not items or not fields.get("next") or (isinstance(total, int) and following >= total)
    return PlaylistPage(entries, endpoint, None if is_last or following >= _LONGEST_PLAYLIST else following)


def parse_search(payload: object) -> list[Track]:
    """The tracks of a response of ``/search``, in its order; unreadable ones are skipped.

    Raises:
        UnexpectedPayload: it has no list of tracks.
    """
    entries = [_entry(item, position) for position, item in enumerate(_found(payload))]
    return [entry for entry in entries if isinstance(entry, Track)]


def _found(payload: object) -> list[object]:
    return [{"track": item} for item in _items(_frame(payload, "search").get("tracks"), "search")]


def parse_audio_features(payload: object, track_ids: Sequence[str]) -> list[dict[str, object] | None]:
    """The entries of a response of ``/audio-features``, in the order of ``track_ids``; None for an unknown track.

    Spotify returns null for an unknown track. If a server omits it instead, entries are matched by id.

    Raises:
        UnexpectedPayload: it has no list of entries, or one is neither an object nor null.
    """
    entries = _frame(payload, "audio-features").get("audio_features")
    if not isinstance(entries, list) or not all(isinstance(entry, dict | None) for entry in entries):
        _reject("audio-features", "audio_features is not a list of objects and nulls")
    if len(entries) == len(track_ids):
        return entries
    by_id = {identifier(entry.get("id")): entry for entry in entries if entry is not None}
    return [by_id.get(track_id) for track_id in track_ids]


def _entry(item: object, position: int) -> Track | SkippedItem:
    try:
        fields = _object(item, "the item is not an object")
        return _track(fields.get("item") or fields.get("track"))
    except _Skip as skip:
        return SkippedItem(skip.reason, position, skip.detail)


def _listen(item: object, user_id: str, played_at: datetime | None) -> tuple[Listen, Track]:
    fields = _object(item, "the item is not an object")
    track = _track(fields.get("track"))
    if played_at is None:
        raise _Skip(SkipReason.MALFORMED, "played_at is not a time with a zone")
    return Listen(user_id, played_at, track.track_id, ListenSource.RECENTLY_PLAYED), track


def _track(payload: object) -> Track:
    if payload is None:
        raise _Skip(SkipReason.NO_TRACK)
    fields = _object(payload, "track is not an object")
    if fields.get("type") == "episode":
        raise _Skip(SkipReason.EPISODE)
    track_id, kind = _identity(fields)
    album, external_ids = part(fields.get("album")), part(fields.get("external_ids"))
    return Track(
        track_id=track_id,
        name=text(fields.get("name")) or "",
        artists=names(fields.get("artists")),
        album=text(album.get("name")),
        duration_ms=milliseconds(fields.get("duration_ms")),
        isrc=text(external_ids.get("isrc")),
        release_date=text(album.get("release_date")),
        kind=kind,
    )


def _identity(track: Mapping[str, object]) -> tuple[str, TrackKind]:
    """A track's id; for a local file, its URI."""
    track_id, uri = identifier(track.get("id")), identifier(track.get("uri"))
    if track_id is not None:
        return track_id, TrackKind.TRACK
    if uri is not None and (track.get("is_local") is True or uri.startswith(LOCAL_FILE)):
        return uri, TrackKind.LOCAL
    raise _Skip(SkipReason.MALFORMED, "track has neither an id nor a local uri")


def _object(value: object, otherwise: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Skip(SkipReason.MALFORMED, otherwise)
    return value


def _items(payload: object, endpoint: str) -> list[object]:
    items = _frame(payload, endpoint).get("items")
    if not isinstance(items, list):
        _reject(endpoint, "items is not a list")
    return items


def _frame(payload: object, endpoint: str) -> dict[str, object]:
    if not isinstance(payload, dict):
        _reject(endpoint, "it is not a JSON object")
    return payload


def _reject(endpoint: str, what: str) -> NoReturn:
    raise UnexpectedPayload(f"Spotify's response to {endpoint} violates its contract: {what}.", source=SOURCE)

"""Spotify's JSON objects, as returned by the Web API of 2026 to apps in development mode."""

from __future__ import annotations

import json
from typing import Any

from mood_core.domain.records import from_ms
from standin.days import Play
from standin.listeners import Listener
from standin.songs import Album, Artist, Song
from standin.world import World, iso

_API = "https://api.spotify.com/v1"
_OPEN = "https://open.spotify.com"


def user(listener: Listener) -> dict[str, Any]:
    """The private user object without the fields that development mode lacks (country, email, product, ...)."""
    return {
        "account_id": listener.account_id,
        "display_name": listener.display_name,
        **_reference("user", listener.listener_id),
        "images": [],
    }


def track(song: Song) -> dict[str, Any]:
    """The full track object, without the removed popularity and available_markets."""
    if song.is_local:
        return _local_track(song)
    return {
        "album": _album(song.album),
        "artists": [_artist(artist) for artist in song.artists],
        "disc_number": 1,
        "duration_ms": song.duration_ms,
        "explicit": song.explicit,
        "external_ids": {"isrc": song.isrc},
        "is_local": False,
        "is_playable": True,
        "name": song.name,
        "preview_url": None,
        "track_number": song.track_number,
        **_reference("track", song.track_id),
    }


def audio_features(song: Song) -> dict[str, Any]:
    """The audio features object of Spotify's endpoint."""
    return {
        **song.features._asdict(),
        "type": "audio_features",
        "id": song.track_id,
        "uri": f"spotify:track:{song.track_id}",
        "track_href": f"{_API}/tracks/{song.track_id}",
        "analysis_url": f"{_API}/audio-analysis/{song.track_id}",
        "duration_ms": song.duration_ms,
    }


def episode() -> dict[str, Any]:
    """An episode in place of a track."""
    return {
        "audio_preview_url": None,
        "description": "An invented episode.",
        "html_description": "<p>An invented episode.</p>",
        "duration_ms": 1_800_000,
        "explicit": False,
        "images": [],
        "is_externally_hosted": False,
        "is_playable": True,
        "languages": ["en"],
        "name": "Episode 1",
        "release_date": "2026-01-01",
        "release_date_precision": "day",
        "show": {"name": "An invented show", **_reference("show", "0" * 22)},
        **_reference("episode", "1" * 22),
    }


class PlayHistory:
    """Serialises plays as JSON; caches the text of every track, because thousands of responses repeat it."""

    def __init__(self, world: World, playlist_ids: tuple[str, ...]) -> None:
        self._world = world
        self._contexts = [json.dumps(_context(playlist_id)) for playlist_id in playlist_ids]
        self._tracks: dict[int, str] = {}

    def item(self, play: Play) -> str:
        """One play history object."""
        text = self._tracks.get(play.song)
        if text is None:
            text = self._tracks[play.song] = json.dumps(track(self._world.song(play.song)), ensure_ascii=False)
        context = "null" if play.context < 0 else self._contexts[play.context % len(self._contexts)]
        return f'{{"track": {text}, "played_at": "{iso(from_ms(play.played_ms))}", "context": {context}}}'


def _context(playlist_id: str) -> dict[str, Any]:
    reference = _reference("playlist", playlist_id)
    return {key: reference[key] for key in ("type", "href", "external_urls", "uri")}


def _reference(kind: str, identifier: str) -> dict[str, Any]:
    """The reference fields of every Spotify object."""
    return {
        "external_urls": {"spotify": f"{_OPEN}/{kind}/{identifier}"},
        "href": f"{_API}/{kind}s/{identifier}",
        "id": identifier,
        "type": kind,
        "uri": f"spotify:{kind}:{identifier}",
    }


def _artist(artist: Artist) -> dict[str, Any]:
    return {"name": artist.name, **_reference("artist", artist.artist_id)}


def _album(album: Album) -> dict[str, Any]:
    return {
        "album_type": album.kind,
        "artists": [_artist(album.artist)],
        "images": [{"height": 640, "width": 640, "url": f"https://i.scdn.co/image/{album.album_id}"}],
        "name": album.name,
        "release_date": album.release_date,
        "release_date_precision": album.precision,
        "total_tracks": album.total_tracks,
        **_reference("album", album.album_id),
    }


def _nothing(kind: str) -> dict[str, Any]:
    """The reference fields of an object outside Spotify's catalogue."""
    return {"external_urls": {}, "href": None, "id": None, "type": kind, "uri": None}


def _local_track(song: Song) -> dict[str, Any]:
    return {
        "album": {
            "album_type": None,
            "artists": [],
            "images": [],
            "name": song.album.name,
            "release_date": None,
            "release_date_precision": None,
            **_nothing("album"),
        },
        "artists": [{"name": artist.name, **_nothing("artist")} for artist in song.artists],
        "disc_number": 0,
        "duration_ms": song.duration_ms,
        "explicit": False,
        "external_ids": {},
        "is_local": True,
        "name": song.name,
        "preview_url": None,
        "track_number": 0,
        **_nothing("track"),
        "uri": song.track_id,
    }

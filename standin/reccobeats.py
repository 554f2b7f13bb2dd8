"""The part of the ReccoBeats API that moodlog uses."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from email import message_from_bytes
from typing import Any

from standin.clock import Clock
from standin.messages import Request, Response, json_response
from standin.services import WithoutApp, retry_after, route
from standin.songs import Artist, Song
from standin.world import World, iso

IDS_PER_CALL = 40
LARGEST_AUDIO = 5_000_000
_AUDIO_STARTS = (b"RIFF", b"OggS", b"FORM", b"ID3", b"\xff\xfb")
_SHARES = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
_REFUSED_AGENTS = re.compile(r"(python-requests|python-httpx|python-urllib)/|\Z", re.IGNORECASE)


class ReccoBeats(WithoutApp):
    """Serves ``/reccobeats/v1``. Needs no key; refuses the default user agents of HTTP libraries."""

    prefix = "/reccobeats/v1"

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self.routes = (
            route("reccobeats_audio_features", "GET", "/audio-features", self.audio_features),
            route("reccobeats_track", "GET", "/track", self.track),
            route("reccobeats_analysis", "POST", "/analysis/audio-features", self.analysis),
        )

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error without details."""
        content = {"timestamp": iso(self._clock.now()), "error": reason or message, "status": status}
        return json_response(content, status, headers=retry_after(retry_after_s))

    def audio_features(self, request: Request) -> Response:
        """The features of up to 40 tracks without unknown ones, in the service's own order."""
        return self._content(request, _features, self._is_known)

    def track(self, request: Request) -> Response:
        """The metadata of up to 40 tracks: also of other releases of a recording with features."""
        return self._content(request, _track, self._is_described)

    def analysis(self, request: Request) -> Response:
        """Nine features of the uploaded audio file, which depend on its bytes alone."""
        if _REFUSED_AGENTS.match(request.user_agent):
            return Response(403, b"error code: 1010", "text/plain; charset=UTF-8")
        audio = _uploaded(request)
        if audio is None or len(audio) > LARGEST_AUDIO or not audio.startswith(_AUDIO_STARTS):
            content = {"timestamp": iso(self._clock.now()), "status": 4000, "errors": [{"path": "audioFile"}]}
            return json_response(content, 400)
        digest = hashlib.sha256(audio).digest()
        shares = {name: digest[place] / 255 for place, name in enumerate(_SHARES)}
        return json_response({**shares, "loudness": -digest[20] / 10, "tempo": 60 + digest[21] / 2})

    def _content(self, request: Request, form: Any, is_listed: Callable[[Song], bool]) -> Response:
        if _REFUSED_AGENTS.match(request.user_agent):
            return Response(403, b"error code: 1010", "text/plain; charset=UTF-8")
        ids = [part.strip() for part in request.query.get("ids", "").split(",") if part.strip()]
        if not 1 <= len(ids) <= IDS_PER_CALL:
            return self._bad_ids(request)
        found = {song.uuid: song for identifier in ids for song in self._called(identifier) if is_listed(song)}
        return json_response({"content": [form(found[key]) for key in sorted(found, key=_shuffled)]})

    def _bad_ids(self, request: Request) -> Response:
        content = {
            "timestamp": iso(self._clock.now()),
            "status": 4004,
            "path": request.path.removeprefix("/reccobeats"),
            "errors": [{"path": "ids", "message": f"size must be between 1 and {IDS_PER_CALL}"}],
        }
        return json_response(content, 400)

    def _called(self, identifier: str) -> Sequence[Song]:
        """The songs with a Spotify id, an ISRC or a UUID."""
        catalogue = self._world.catalogue
        one = catalogue.by_id.get(identifier) or catalogue.by_uuid.get(identifier)
        return (one,) if one else catalogue.by_isrc.get(identifier.upper(), ())

    def _is_known(self, song: Song) -> bool:
        return song.known_from_ms is not None and song.known_from_ms <= self._clock.now_ms()

    def _is_described(self, song: Song) -> bool:
        return any(map(self._is_known, (song, *self._world.catalogue.by_isrc.get(song.isrc, ()))))


def _uploaded(request: Request) -> bytes | None:
    """The file in the field ``audioFile`` of a multipart body."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    for part in message_from_bytes(head + request.body).walk():
        if part.get_param("name", header="Content-Disposition") == "audioFile" and part.get_filename():
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else None
    return None


def _shuffled(key: str) -> bytes:
    return hashlib.md5(key.encode(), usedforsecurity=False).digest()


def _href(song: Song) -> str:
    return f"https://open.spotify.com/track/{song.track_id}"


def _features(song: Song) -> dict[str, Any]:
    values = song.features._asdict()
    values.pop("time_signature")
    return {"id": song.uuid, "href": _href(song), "isrc": song.isrc, **values}


def _track(song: Song) -> dict[str, Any]:
    return {
        "id": song.uuid,
        "trackTitle": song.name,
        "artists": [_artist(artist) for artist in song.artists],
        "durationMs": song.duration_ms,
        "isrc": song.isrc,
        "ean": None,
        "upc": None,
        "href": _href(song),
        "availableCountries": "DE,GB,JP,NG,US",
        "popularity": int(hashlib.md5(song.uuid.encode(), usedforsecurity=False).hexdigest()[:2], 16) * 100 // 255,
    }


def _artist(artist: Artist) -> dict[str, Any]:
    return {"id": artist.uuid, "name": artist.name, "href": f"https://open.spotify.com/artist/{artist.artist_id}"}

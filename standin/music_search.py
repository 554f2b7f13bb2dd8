"""Search by artist and title as at Deezer, MusicBrainz and Spotify: wrong neighbours come first."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import Any

from standin.messages import Request, Response, json_response
from standin.services import WithoutApp, retry_after, route
from standin.songs import Artist, Catalogue, Song

_SUFFIX = re.compile(r"\s+[-–—]\s.*$|\s*[(\[].*$")
_SECOND_MS = 1000


class NameIndex:
    """The songs of a catalogue by artist and title."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def neighbours(self, artist: str, title: str) -> list[Song]:
        """The songs that a search finds: a cover by another artist, a live version, then the releases of the song.

        Every third song is only listed as a remaster, every other third with a guest in its title.
        """
        songs = self._songs.get((_plain(artist), _plain(title)), [])
        return [each for song in songs[:1] for each in (_cover(song), _live(song))] + [_listed(song) for song in songs]

    @cached_property
    def _songs(self) -> dict[tuple[str, str], list[Song]]:
        named: dict[tuple[str, str], list[Song]] = {}
        for song in self._catalogue.songs:
            if not song.is_local:
                for title in {_plain(song.name), _plain(_SUFFIX.sub("", song.name))}:
                    named.setdefault((_plain(song.artists[0].name), title), []).append(song)
        return named


def _cover(song: Song) -> Song:
    tribute = Artist(f"{song.artists[0].artist_id[:-1]}T", "", f"The {song.artists[0].name} Tribute Band")
    return replace(song, artists=(tribute,), track_id=f"{song.track_id[:-1]}c", isrc=f"XXCOV{song.index:07d}")


def _live(song: Song) -> Song:
    return replace(
        song,
        name=f"{song.name} (Live at the Arena)",
        track_id=f"{song.track_id[:-1]}l",
        isrc=f"XXLIV{song.index:07d}",
        duration_ms=song.duration_ms + 60_000,
    )


def _listed(song: Song) -> Song:
    if _SUFFIX.search(song.name):
        return song
    suffix = (" - 2011 Remaster", " (feat. A Guest)", "")[song.index % 3]
    return replace(song, name=song.name + suffix)


class _Search(WithoutApp):
    """The common parts of both services, which need no key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._index = NameIndex(catalogue)

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error object."""
        return json_response({"error": reason or message}, status, headers=retry_after(retry_after_s))


class Deezer(_Search):
    """Serves ``/deezer``: ``/search`` without ISRC, and ``/track/{id}`` with it. Does not know every tenth song."""

    prefix = "/deezer"

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.routes = (
            route("deezer_search", "GET", "/search", self.search),
            route("deezer_track", "GET", "/track/([0-9]+)", self.track),
        )

    def search(self, request: Request) -> Response:
        """Tracks by ``artist:"" track:""``."""
        fields = dict(re.findall(r'(track|artist):"([^"]*)"', request.query.get("q", "")))
        found = self._index.neighbours(fields.get("artist", ""), fields.get("track", ""))
        data = [_deezer_track(song, kind) for kind, song in enumerate(found) if song.index % 10]
        return json_response({"data": data, "total": len(data)})

    def track(self, _request: Request, number: str) -> Response:
        """One track with its ISRC; the error object with the status 200 for an unknown one."""
        index, kind = divmod(int(number), 10)
        if not 0 <= index < len(self._catalogue.songs):
            return json_response({"error": {"type": "DataException", "message": "no data", "code": 800}})
        song = self._catalogue.songs[index]
        return json_response(_deezer_track(song, kind) | {"isrc": song.isrc, "release_date": str(song.album.released)})


def _deezer_track(song: Song, kind: int) -> dict[str, Any]:
    return {
        "id": song.index * 10 + min(kind, 9),
        "title": song.name,
        "duration": song.duration_ms // _SECOND_MS,
        "artist": {"id": song.index, "name": song.artists[0].name, "type": "artist"},
        "type": "track",
    }


class MusicBrainz(_Search):
    """Serves ``/musicbrainz/ws/2``. Knows two of three songs; refuses agents without a contact."""

    prefix = "/musicbrainz/ws/2"

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.routes = (
            route("musicbrainz_recording", "GET", "/recording", self.recording),
            route("musicbrainz_lookup", "GET", "/recording/([0-9a-f-]{36})", self.lookup),
        )
        self._by_uuid = {song.uuid: song for song in catalogue.songs}

    def recording(self, request: Request) -> Response:
        """Recordings by ``recording:"" AND artist:""``; live ones say so in their disambiguation only."""
        if not _is_identified(request):
            return self.error(403, "Your requests are not identified")
        fields = dict(re.findall(r'(recording|artist):"((?:[^"\\]|\\.)*)"', request.query.get("query", "")))
        found = self._index.neighbours(fields.get("artist", ""), fields.get("recording", ""))
        recordings = [_recording(song) for song in found if song.index % 3]
        return json_response({"count": len(recordings), "offset": 0, "recordings": recordings})

    def lookup(self, request: Request, uuid: str) -> Response:
        """One recording with its artists and ISRCs; every twelfth does not exist any more."""
        if not _is_identified(request):
            return self.error(403, "Your requests are not identified")
        song = self._by_uuid.get(uuid)
        if song is None or song.index % 12 == 0:
            return self.error(404, "Not Found")
        return json_response(_recording(song))


def _is_identified(request: Request) -> bool:
    return re.search(r"\( \S+ \)", request.user_agent) is not None


def _recording(song: Song) -> dict[str, Any]:
    title, live, _ = song.name.partition(" (Live at")
    return {
        "id": song.uuid,
        "score": 100,
        "title": title,
        "length": song.duration_ms,
        "artist-credit": [{"name": artist.name, "artist": {"name": artist.name}} for artist in song.artists],
        "isrcs": [song.isrc],
        "first-release-date": str(song.album.released),
        "video": None,
        **({"disambiguation": "live, 2011-07-01: the Arena"} if live else {}),
    }


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())

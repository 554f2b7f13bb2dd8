"""The part of the Spotify Web API that moodlog uses, in its development mode of 2026."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from standin import payloads
from standin.clock import Clock
from standin.days import Play
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.music_search import NameIndex
from standin.playlists import Playlist
from standin.services import retry_after, route
from standin.tokens import ACCESS_LIFETIME_S, Grant, TokenOffice
from standin.world import WINDOW, World

RECENTLY_PLAYED_SCOPE = "user-read-recently-played"
_ID = re.compile(r"[0-9A-Za-z]{22}\Z")
_FEATURES_PER_CALL = 100
_TRACKS_PER_CALL = 50


class _Refused(Exception):
    """The request is refused with ``response``."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class WebApi:
    """Serves ``/spotify/v1``. ``extended_quota``: an older app, for which the batch endpoints still work."""

    prefix = "/spotify/v1"
    has_daily_quota = True

    def __init__(
        self,
        world: World,
        clock: Clock,
        tokens: TokenOffice,
        playlists: Sequence[Playlist],
        *,
        extended_quota: bool = False,
    ) -> None:
        self._world = world
        self._clock = clock
        self._tokens = tokens
        self._playlists = {playlist.playlist_id: playlist for playlist in playlists}
        self._history = payloads.PlayHistory(world, tuple(self._playlists))
        self._names = NameIndex(world.catalogue)
        self.extended_quota = extended_quota
        self.routes = (
            route("me", "GET", "/me", self._checked(self.me)),
            route("recently_played", "GET", "/me/player/recently-played", self._checked(self.recently_played)),
            route("track", "GET", "/tracks/([^/]+)", self._checked(self.track)),
            route("tracks", "GET", "/tracks", self._checked(self.tracks)),
            route("audio_features", "GET", "/audio-features", self._checked(self.audio_features)),
            route("search", "GET", "/search", self._checked(self.search)),
            route("playlist_items", "GET", "/playlists/([^/]+)/items", self._checked(self.playlist_items)),
        )

    def caller(self, request: Request) -> Listener | None:
        """The listener of the access token, valid or not."""
        grant = self._tokens.read(_bearer(request), "access")
        return None if grant is None else self._world.find(grant.listener)

    def client(self, request: Request) -> str:
        """The app of the access token."""
        grant = self._tokens.read(_bearer(request), "access")
        return "" if grant is None else grant.client_id

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """The regular error object."""
        detail: dict[str, Any] = {"status": status, "message": message}
        if reason:
            detail["reason"] = reason
        return json_response({"error": detail}, status, headers=retry_after(retry_after_s))

    def me(self, _request: Request, grant: Grant) -> Response:
        """The person's profile."""
        return json_response(payloads.user(self._person(grant)))

    def recently_played(self, request: Request, grant: Grant) -> Response:
        """The person's last listens, newest first, from the window of 50."""
        listener = self._person(grant)
        if RECENTLY_PLAYED_SCOPE not in grant.scope.split():
            raise _Refused(self.error(403, "Insufficient client scope"))
        limit, after, before = self._limit(request), self._cursor(request, "after"), self._cursor(request, "before")
        if after is not None and before is not None:
            raise _Refused(self.error(400, "Only one of 'before' and 'after' may be specified"))
        plays = [
            play
            for play in self._world.window(listener, self._clock.now_ms())
            if (after is None or play.played_ms > after) and (before is None or play.played_ms < before)
        ][:limit]
        return Response(200, self._page(request, plays, limit).encode())

    def search(self, request: Request, _grant: Grant) -> Response:
        """Tracks by artist and title, wrong neighbours first."""
        fields = dict(re.findall(r'(track|artist):"([^"]*)"', request.query.get("q", "")))
        found = self._names.neighbours(fields.get("artist", ""), fields.get("track", ""))
        items = [payloads.track(song) for song in found][: self._limit(request)]
        return json_response({"tracks": {"items": items, "total": len(items), "next": None, "offset": 0}})

    def track(self, _request: Request, _grant: Grant, track_id: str) -> Response:
        """One track."""
        if not _ID.match(track_id):
            raise _Refused(self.error(400, "Invalid base62 id"))
        song = self._world.catalogue.by_id.get(track_id)
        if song is None:
            raise _Refused(self.error(404, "Resource not found"))
        return json_response(payloads.track(song))

    def tracks(self, request: Request, _grant: Grant) -> Response:
        """Several tracks; 403 in development mode."""
        ids = self._ids(request, _TRACKS_PER_CALL)
        songs = [self._world.catalogue.by_id.get(track_id) for track_id in ids]
        return json_response({"tracks": [song and payloads.track(song) for song in songs]})

    def audio_features(self, request: Request, _grant: Grant) -> Response:
        """The features of several tracks, null for unknown ones; 403 in development mode."""
        ids = self._ids(request, _FEATURES_PER_CALL)
        songs = [self._world.catalogue.by_id.get(track_id) for track_id in ids]
        return json_response({"audio_features": [song and payloads.audio_features(song) for song in songs]})

    def playlist_items(self, request: Request, _grant: Grant, playlist_id: str) -> Response:
        """A page of a playlist."""
        playlist = self._playlists.get(playlist_id)
        if playlist is None:
            raise _Refused(self.error(404, "Resource not found"))
        limit, offset = self._limit(request), int(self._cursor(request, "offset") or 0)
        href = f"{request.base_url}{request.path}"

        def page(start: int) -> str:
            return f"{href}?{urlencode({'offset': start, 'limit': limit})}"

        following, total = offset + limit, len(playlist.songs)
        return json_response(
            {
                "href": page(offset),
                "items": [self._playlist_item(index) for index in playlist.songs[offset:following]],
                "limit": limit,
                "next": page(following) if following < total else None,
                "offset": offset,
                "previous": page(max(0, offset - limit)) if offset else None,
                "total": total,
            }
        )

    def _playlist_item(self, index: int) -> dict[str, Any]:
        song = self._world.song(index)
        added_by = payloads.user(self._world.listener(0))
        return {
            "added_at": "2026-01-01T12:00:00Z",
            "added_by": {key: added_by[key] for key in ("external_urls", "href", "id", "type", "uri")},
            "is_local": song.is_local,
            "item": payloads.track(song),
        }

    def _page(self, request: Request, plays: list[Play], limit: int) -> str:
        href = f"{request.base_url}{request.path}"
        items = ", ".join(map(self._history.item, plays))
        own = f"{href}?{request.query_string}" if request.query_string else href
        if not plays:
            return f'{{"items": [], "next": null, "cursors": null, "limit": {limit}, "href": "{own}"}}'
        newest, oldest = plays[0].played_ms, plays[-1].played_ms
        # Like Spotify's, a full page has a next page even if that is empty.
        following = f'"{href}?before={oldest}&limit={limit}"' if len(plays) == limit else "null"
        cursors = f'{{"after": "{newest}", "before": "{oldest}"}}'
        return f'{{"items": [{items}], "next": {following}, "cursors": {cursors}, "limit": {limit}, "href": "{own}"}}'

    def _checked(self, answer: Any) -> Any:
        """``answer`` with a check of the access token."""

        def checked(request: Request, *groups: str) -> Response:
            try:
                response: Response = answer(request, self._grant(request), *groups)
            except _Refused as refused:
                return refused.response
            return response

        return checked

    def _grant(self, request: Request) -> Grant:
        if not request.headers.get("authorization"):
            raise _Refused(self.error(401, "No token provided"))
        grant = self._tokens.read(_bearer(request), "access")
        if grant is None or self._tokens.revoked(grant):
            raise _Refused(self.error(401, "Invalid access token"))
        if self._tokens.expired(grant, ACCESS_LIFETIME_S):
            raise _Refused(self.error(401, "The access token expired"))
        return grant

    def _person(self, grant: Grant) -> Listener:
        listener = self._world.find(grant.listener)
        if listener is None:
            raise _Refused(self.error(401, "Invalid access token"))
        return listener

    def _limit(self, request: Request) -> int:
        text = request.query.get("limit", "20")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= WINDOW):
            raise _Refused(self.error(400, "Invalid limit"))
        return int(text)

    def _cursor(self, request: Request, name: str) -> int | None:
        text = request.query.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()):
            raise _Refused(self.error(400, f"Invalid {name}"))
        return int(text)

    def _ids(self, request: Request, most: int) -> list[str]:
        if not self.extended_quota:
            raise _Refused(self.error(403, "Forbidden"))
        ids = [part for part in request.query.get("ids", "").split(",") if part]
        if not ids or not all(_ID.match(track_id) for track_id in ids):
            raise _Refused(self.error(400, "Invalid id"))
        if len(ids) > most:
            raise _Refused(self.error(400, "Too many ids requested"))
        return ids


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def damage_item(content: Any, track: dict[str, Any] | None) -> Any:
    """``content`` of a list response with ``track`` in place of its first track (for faults)."""
    if "audio_features" in content:
        content["audio_features"][:1] = [None]
    for item in content.get("items", [])[:1]:
        item["item" if "item" in item else "track"] = track
    return content

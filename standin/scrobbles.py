"""ListenBrainz and Last.fm: whole histories of the listeners' plays, late, with gaps, duplicates and changed mappings.

Both date a play by its start. ListenBrainz imports the plays from Spotify, and some of them arrive days late. Last.fm
hears most plays at once, by names only.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote

from mood_core.domain.records import from_ms
from standin.clock import Clock
from standin.days import Play
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.services import WithoutApp, retry_after, route
from standin.songs import Song
from standin.world import World

DAYS = 30
"""How many days before the start of the stand-in the histories begin."""
_LISTENBRAINZ_PAGE, _DEFAULT_PAGE, _LASTFM_PAGE = 1_000, 25, 200
_DAY_MS = 86_400_000
_TO_MINUTES = 60_000


class Row(NamedTuple):
    """One scrobble: time in seconds since 1970, when it appears [ms], the song's index, and when it is mapped [ms]."""

    at_s: int
    visible_ms: int
    song: int
    mapped_ms: int


class Histories:
    """The histories of all listeners at both services.

    Attributes:
        given: histories that tests add, by listener id, newest first; they replace the simulated ones.
        clean: whether nothing is late, lost or duplicated.
    """

    def __init__(self, world: World, clock: Clock, *, clean: bool = False) -> None:
        self.world, self.clock, self.clean = world, clock, clean
        self.given: dict[str, list[Row]] = {}
        self.first_day = (clock.now() - timedelta(days=DAYS)).date()
        self._days: dict[tuple[str, int, date], list[Row]] = {}

    def give(self, listener_id: str, count: int) -> None:
        """Give a listener ``count`` scrobbles, one every five minutes until now."""
        now_s = int(self.clock.now().timestamp())
        songs = [song.index for song in self.world.catalogue.songs if not song.is_local]
        self.given[listener_id] = [
            Row(now_s - 600 - 300 * number, 0, songs[number % len(songs)], 0) for number in range(count)
        ]

    def rows(self, service: str, listener: Listener) -> list[Row]:
        """The visible scrobbles of a listener, newest first."""
        if listener.listener_id in self.given:
            return self.given[listener.listener_id]
        now_ms, today = self.clock.now_ms(), (self.clock.now() + timedelta(hours=14)).date()
        days = (self.first_day + timedelta(days=number) for number in range((today - self.first_day).days + 1))
        rows = [row for day in days for row in self._day(service, listener, day) if row.visible_ms <= now_ms]
        return sorted(rows, reverse=True)

    def playing_now(self, listener: Listener) -> Song | None:
        """The song that the listener plays now."""
        now_ms = self.clock.now_ms()
        for back in (0, 1):
            for play in self.world.day(listener, (self.clock.now() - timedelta(days=back)).date()):
                if play.started_ms <= now_ms < play.ended_ms:
                    return self.world.song(play.song)
        return None

    def _day(self, service: str, listener: Listener, day: date) -> list[Row]:
        key = (service, listener.index, day)
        if key not in self._days:
            rng = random.Random(f"{service}/{listener.index}/{day}")
            plays = self.world.day(listener, day)
            self._days[key] = [
                row
                for play in plays
                if not self.world.song(play.song).is_local
                for row in (_imported if service == "listenbrainz" else _heard)(play, rng, clean=self.clean)
            ]
        return self._days[key]


def _imported(play: Play, rng: random.Random, *, clean: bool) -> Iterator[Row]:
    """The row of ListenBrainz's import from Spotify; one in 30 again from another client, some seconds apart."""
    late = rng.choice((_DAY_MS, 2 * _DAY_MS)) if rng.random() < 0.03 and not clean else rng.randrange(30) * _TO_MINUTES
    visible = play.visible_ms + late
    mapped = visible + (2 * _DAY_MS if play.song % 7 == 0 and not clean else 0)
    yield Row(play.started_ms // 1000, visible, play.song, mapped)
    if rng.random() < 1 / 30 and not clean:
        yield Row(play.started_ms // 1000 + rng.randrange(1, 12), visible + _DAY_MS, play.song, visible)


def _heard(play: Play, rng: random.Random, *, clean: bool) -> Iterator[Row]:
    """The row of Last.fm, rounded to the nearest second; one in 50 is lost, some arrive hours later."""
    late = rng.randrange(6) * 3_600_000 if rng.random() < 0.05 and not clean else 5_000
    if clean or rng.random() >= 0.02:
        yield Row(round(play.started_ms / 1000), play.ended_ms + late, play.song, 0)


class _Service(WithoutApp):
    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    def _named(self, name: str) -> Listener | None:
        return self._histories.world.find(name.lower())


class ListenBrainz(_Service):
    """Serves ``/listenbrainz``: ``/1/user/{name}/listens``. Tokens are ``token-`` and the listener's id."""

    prefix = "/listenbrainz"

    def __init__(self, histories: Histories) -> None:
        super().__init__(histories)
        self.routes = (route("listenbrainz_listens", "GET", "/1/user/([^/]+)/listens", self.listens),)

    def caller(self, request: Request) -> Listener | None:
        """The listener in the path."""
        parts = request.path.split("/")
        return self._named(unquote(parts[4])) if len(parts) > 4 else None

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error object; a rate limit says in its own headers when it ends."""
        headers = () if retry_after_s is None else _limits(0, retry_after_s)
        return json_response({"code": status, "error": reason or message}, status, headers=headers)

    def listens(self, request: Request, name: str) -> Response:
        """A page of listens before ``max_ts`` (exclusive), newest first."""
        listener = self._named(unquote(name))
        if listener is None:
            return self.error(404, f"Cannot find user: {unquote(name)}")
        if request.headers.get("authorization", f"Token token-{listener.listener_id}") != (
            f"Token token-{listener.listener_id}"
        ):
            return self.error(401, "Invalid authorization token.")
        rows = self._histories.rows("listenbrainz", listener)
        page = _before(rows, request.query.get("max_ts"))
        count = min(int(request.query.get("count", _DEFAULT_PAGE)), _LISTENBRAINZ_PAGE)
        now_ms = self._histories.clock.now_ms()
        listens = [_listen(row, self._histories.world.song(row.song), now_ms) for row in page[:count]]
        payload = {
            "count": len(listens),
            "user_id": listener.listener_id,
            "listens": listens,
            "latest_listen_ts": rows[0].at_s if rows else 0,
            "oldest_listen_ts": rows[-1].at_s if rows else 0,
        }
        return json_response({"payload": payload}, headers=_limits(29, 10))


def _limits(remaining: int, reset_in_s: int) -> tuple[tuple[str, str], ...]:
    return (
        ("X-RateLimit-Limit", "30"),
        ("X-RateLimit-Remaining", str(remaining)),
        ("X-RateLimit-Reset-In", str(reset_in_s)),
    )


def _before(rows: Sequence[Row], moment: str | None) -> Sequence[Row]:
    """The rows before ``moment``, in s since 1970."""
    return rows if moment is None else rows[bisect_left(rows, 1 - int(moment), key=lambda row: -row.at_s) :]


def _listen(row: Row, song: Song, now_ms: int) -> dict[str, Any]:
    """A listen: two of three with the address at Spotify, one of nine with a code only, the others with names."""
    artists = [artist.name for artist in song.artists]
    info: dict[str, Any] = {"submission_client": "listenbrainz", "artist_names": artists}
    if song.index % 5:
        info["duration_ms"] = song.duration_ms
    if row.mapped_ms <= now_ms and song.index % 3:
        info["spotify_id"] = f"https://open.spotify.com/track/{song.track_id}"
    elif song.index % 9 == 0:
        info["isrc"] = song.isrc
    return {
        "inserted_at": row.visible_ms // 1000,
        "listened_at": row.at_s,
        "recording_msid": song.uuid,
        "track_metadata": {
            "artist_name": ", ".join(artists),
            "track_name": song.name,
            "release_name": song.album.name,
            "additional_info": info,
            "mbid_mapping": {"recording_mbid": song.uuid, "recording_name": song.name},
        },
    }


class LastFm(_Service):
    """Serves ``/lastfm``: ``user.getRecentTracks`` by form post. Accepts the API key ``lastfm-key`` only."""

    prefix = "/lastfm"

    def __init__(self, histories: Histories) -> None:
        super().__init__(histories)
        self.routes = (route("lastfm_recent_tracks", "POST", "/2.0", self.recent_tracks),)

    def caller(self, request: Request) -> Listener | None:
        """The listener in the form."""
        return self._named(request.form.get("user", ""))

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error object with Last.fm's code."""
        code = {403: 10, 404: 6, 429: 29}.get(status, 11 if status >= 500 else 8)
        return json_response({"error": code, "message": reason or message}, status, headers=retry_after(retry_after_s))

    def recent_tracks(self, request: Request) -> Response:
        """A page of scrobbles before ``to`` (exclusive), newest first; the first page has the current track too."""
        form = request.form
        if form.get("api_key") != "lastfm-key":
            return self.error(403, "Invalid API key")
        listener = self.caller(request)
        if listener is None or form.get("method") != "user.getRecentTracks":
            return self.error(404, "User not found")
        rows = _before(self._histories.rows("lastfm", listener), form.get("to"))
        limit = min(int(form.get("limit", 50)), _LASTFM_PAGE)
        tracks = [_track(self._histories.world.song(row.song), row.at_s) for row in rows[:limit]]
        playing = self._histories.playing_now(listener)
        if playing is not None and "to" not in form:
            tracks.insert(0, _track(playing, None))
        attributes = {
            "user": listener.listener_id,
            "page": "1",
            "perPage": str(limit),
            "totalPages": str(-(-len(rows) // limit)),
            "total": str(len(rows)),
        }
        return json_response({"recenttracks": {"track": tracks, "@attr": attributes}})


def _track(song: Song, at_s: int | None) -> dict[str, Any]:
    track: dict[str, Any] = {
        "artist": {"mbid": "", "#text": song.artists[0].name},
        "album": {"mbid": "", "#text": song.album.name},
        "name": song.name,
        "mbid": "",
        "url": "https://www.last.fm/music/x",
        "streamable": "0",
    }
    if at_s is None:
        return track | {"@attr": {"nowplaying": "true"}}
    return track | {"date": {"uts": str(at_s), "#text": from_ms(at_s * 1000).strftime("%d %b %Y, %H:%M")}}

"""A month of people who listen through several sources at once: each play is stored once, and no gap is false."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from mood_core.app.import_export import import_export, match_names
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Service, Track, from_ms
from mood_core.domain.track_names import plain_artist, plain_title
from mood_core.http.addresses import origin
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.scrobbles.login import Login
from mood_core.store.queries.import_rows import ImportRows
from standin import StandIn
from standin.days import Play
from standin.listeners import Listener
from tests.nights import settings_for, token_of

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAYS = 30
IMPORTED_ON = (12, DAYS)
LIVE = ("listenbrainz", "lastfm", "spotify")
"""The service from which each third of the people is pulled."""


class Life:
    """The people, their accounts, and what their sources have reported."""

    def __init__(self, standin: StandIn, workspace: Workspace, folder: Path) -> None:
        self.standin, self.workspace, self.folder, self.files = standin, workspace, folder, count()
        self.accounts = {listener.listener_id: self._connect(listener) for listener in standin.listeners}

    def _connect(self, listener: Listener) -> str:
        service = LIVE[listener.index % 3]
        if service == "spotify":
            answer = self.standin.issue_tokens(listener.listener_id, client_id="tests")
            return self.workspace.connect(token_of(answer, self.workspace.now()), listener.timezone).user_id
        login = Login(listener.listener_id, None, origin(self.standin.base_url))
        return self.workspace.connect_history(Service(service), login, listener.timezone).user_id

    def pull(self) -> None:
        """Pull everybody; every pull succeeds."""
        outcomes = self.workspace.pulling()(sorted(self.accounts.values()), now=self.workspace.now())
        assert [outcome for outcome in outcomes if outcome.problem or outcome.gap] == []

    def import_others(self, listener: Listener, day: int) -> None:
        """Import what the other sources of a person have by now; every row has an outcome."""
        for source in ("listenbrainz", "lastfm", "extended", "account"):
            if self.uses(listener, source) and source != LIVE[listener.index % 3]:
                rows = getattr(self, f"_{source}")(listener)
                path = self.folder / f"{next(self.files)}.json"
                path.write_text(json.dumps(rows))
                report = import_export(self.workspace, [path], user=self.accounts[listener.listener_id])
                assert (sum(report.outcomes.values()), report.outcomes["malformed"]) == (len(rows), 0)

    @staticmethod
    def uses(listener: Listener, source: str) -> bool:
        """Whether a person listens through ``source``: two services and, for half of them, an export of Spotify."""
        place = listener.index % 3
        export = "extended" if listener.index % 4 == 0 else "account" if listener.index % 4 == 2 else ""
        return source in (LIVE[place], ("lastfm", "listenbrainz", "listenbrainz")[place], export)

    def _listenbrainz(self, listener: Listener) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        address = f"{self.standin.listenbrainz_url}/1/user/{listener.listener_id}/listens"
        while True:
            query = {"count": 1_000} | ({"max_ts": rows[-1]["listened_at"]} if rows else {})
            page = httpx.get(address, params=query).json()["payload"]["listens"]
            if not page:
                return rows
            rows += page

    def _lastfm(self, listener: Listener) -> list[dict[str, Any]]:
        form = {"method": "user.getRecentTracks", "user": listener.listener_id, "api_key": "lastfm-key"}
        rows: list[dict[str, Any]] = []
        while True:
            more = {"limit": 200, "to": rows[-1]["date"]["uts"] if rows else 4_000_000_000}
            page = httpx.post(f"{self.standin.lastfm_url}/2.0/", data=form | more).json()["recenttracks"]["track"]
            if not page:
                return rows
            rows += page

    def _extended(self, listener: Listener) -> list[dict[str, Any]]:
        return [
            {
                "ts": f"{from_ms(play.ended_ms):%Y-%m-%dT%H:%M:%SZ}",
                "ms_played": play.ended_ms - play.started_ms,
                "spotify_track_uri": f"spotify:track:{song.track_id}",
                "master_metadata_track_name": song.name,
                "master_metadata_album_artist_name": song.artists[0].name,
            }
            for play in self.plays(listener)
            for song in [self.standin.world.song(play.song)]
        ]

    def _account(self, listener: Listener) -> list[dict[str, Any]]:
        return [
            {
                "endTime": f"{from_ms(play.ended_ms):%Y-%m-%d %H:%M}",
                "artistName": song.artists[0].name,
                "trackName": song.name,
                "msPlayed": play.ended_ms - play.started_ms,
            }
            for play in self.plays(listener)
            for song in [self.standin.world.song(play.song)]
        ]

    def plays(self, listener: Listener) -> list[Play]:
        """The true plays until now, but of local files."""
        world, now = self.standin.world, self.standin.clock.now()
        days = (self.standin.histories.first_day + timedelta(days=number) for number in range(2 * DAYS + 3))
        plays = [play for day in days for play in world.day(listener, day)]
        return [play for play in plays if from_ms(play.ended_ms) <= now and not world.song(play.song).is_local]

    def name_everything(self) -> None:
        """Let every name become known, as resolvers do; no play by name is pending then."""
        songs = [song for song in self.standin.world.catalogue.songs if not song.is_local]
        tracks = [Track(song.track_id, song.name, tuple(artist.name for artist in song.artists)) for song in songs]
        self.workspace.batches.add(TRACKS, to_table(TRACKS, tracks), now=self.workspace.now())
        match_names(self.workspace)
        assert ImportRows(self.workspace.database).pending_plays() == []

    def expected(self, listener: Listener) -> Counter[tuple[str, str]]:
        """The number of true plays that any of the person's sources has reported, by song."""
        rows = {
            service: {row.at_s for row in self.standin.histories.rows(service, listener)}
            for service in ("listenbrainz", "lastfm")
        }
        now_ms, since_ms = self.standin.clock.now_ms(), START.timestamp() * 1000
        reported: Counter[tuple[str, str]] = Counter()
        for play in self.plays(listener):
            by = {
                "listenbrainz": play.started_ms // 1000 in rows["listenbrainz"],
                "lastfm": round(play.started_ms / 1000) in rows["lastfm"],
                "spotify": since_ms <= play.visible_ms <= now_ms,
                "extended": True,
                "account": True,
            }
            if any(by[source] and self.uses(listener, source) for source in by):
                song = self.standin.world.song(play.song)
                reported[plain_artist(song.artists[0].name), plain_title(song.name)] += 1
        return reported

    def stored(self, listener: Listener) -> Counter[tuple[str, str]]:
        """The number of stored listens by song."""
        query = (
            "SELECT t.artists, t.name FROM listens AS l JOIN tracks AS t ON t.track_key = l.track_key"
            " JOIN users AS u ON u.user_key = l.user_key WHERE u.user_id = ? AND t.kind = 'track'"
        )
        user_id = self.accounts[listener.listener_id]
        with self.workspace.database.read() as connection:
            rows = connection.exec_driver_sql(query, (user_id,))
            return Counter((plain_artist(artists.partition(", ")[0]), plain_title(title)) for artists, title in rows)


@pytest.fixture
def life(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    with StandIn(seed=5, listeners=20, now=START, frozen=True, listens_per_day=(8, 18)) as standin:
        settings = settings_for(standin) | {"MOODLOG_LASTFM_API_KEY": "lastfm-key", "MOODLOG_SPOTIFY_DAILY_BUDGET": "0"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with Workspace(now=standin.clock.now) as workspace:
            yield Life(standin, workspace, tmp_path)


@pytest.mark.slow
def test_a_month_through_several_sources_stores_each_play_once(life: Life) -> None:
    for day in range(1, DAYS + 1):
        life.standin.clock.advance(timedelta(days=1))
        life.pull()
        if day in IMPORTED_ON:
            for listener in life.standin.listeners:
                life.import_others(listener, day)
            match_names(life.workspace)
    life.name_everything()
    plays = 0
    for listener in life.standin.listeners:
        expected, stored = life.expected(listener), life.stored(listener)
        assert (listener.index, stored - expected, expected - stored) == (listener.index, Counter(), Counter())
        plays += expected.total()
        assert life.workspace.listens.open_gaps(life.accounts[listener.listener_id]) == []
    assert plays > 5_000

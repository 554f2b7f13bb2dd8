"""Accounts of ListenBrainz and Last.fm in tests: connected, pulled, and what is stored of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Service
from mood_core.http.addresses import origin
from mood_core.scrobbles.login import Login
from mood_core.usecases.nightly.pull_listens import PullOutcome
from standin import StandIn
from standin.scrobbles import Row
from tests.conftest import NOW
from tests.nights import settings_for

ENDPOINTS = {"listenbrainz": "listenbrainz_listens", "lastfm": "lastfm_recent_tracks"}
PAGES = {"listenbrainz": 1_000, "lastfm": 200}
EACH = pytest.mark.parametrize("service", ENDPOINTS)


@contextmanager
def without_an_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in whose clock stands still, and the settings of a person without an app at Spotify."""
    with StandIn(seed=11, listeners=3, now=NOW, frozen=True) as running:
        for name, value in settings_for(running).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("MOODLOG_SPOTIFY_CLIENT_ID")
        monkeypatch.setenv("MOODLOG_LASTFM_API_KEY", "lastfm-key")
        yield running


def moodlog(*arguments: str, given: str | None = None) -> Result:
    """The result of a command."""
    return CliRunner().invoke(main, list(arguments), input=given)


def connect(workspace: Workspace, service: str, name: str) -> str:
    """Connect ``name`` at ``service``; returns the account's id. The first pull requests the newest page again."""
    login = Login(name, None, origin(workspace.histories.url(Service(service))))
    user_id = workspace.connect_history(Service(service), login, "Europe/Berlin").user_id
    workspace.histories.newest_pages.clear()
    return user_id


def pull(workspace: Workspace, user_id: str) -> PullOutcome:
    """Pull one account."""
    (outcome,) = workspace.pulling()([user_id], now=workspace.now())
    return outcome


def rows_of(standin: StandIn, seconds: list[int]) -> list[Row]:
    """Rows at ``seconds`` since 1970, newest first; songs follow each other, so that neighbours are different."""
    songs = [song.index for song in standin.world.catalogue.songs if not song.is_local]
    newest = sorted(seconds, reverse=True)
    return [Row(second, 0, songs[number % len(songs)], 0) for number, second in enumerate(newest)]


def stored(workspace: Workspace) -> int:
    """The number of plays that are stored, with and without a known track."""
    rows = "SELECT (SELECT count(*) FROM listens) + (SELECT count(*) FROM named_plays WHERE track_key IS NULL) AS plays"
    with workspace.database.read() as connection:
        return int(connection.exec_driver_sql(rows).scalar_one())

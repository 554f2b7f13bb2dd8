"""Simulates days of listening for the demo: settings for the stand-in, connected listeners, a past, and pulls."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from mood_core.app.workspace import Workspace, utc_now
from mood_core.domain.records import Listen, Track, from_ms, to_ms
from mood_core.errors import ConfigError
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, TRACKS
from mood_core.setting_names import ignore_env_file
from mood_core.spotify.authorise import authorise_by_hand
from mood_core.spotify.payloads import parse_window
from mood_core.spotify.tokens import Token
from standin import StandIn, payloads
from standin.listeners import Listener
from standin.world import iso

STEP = timedelta(hours=2)
"""The time between two looks at who has to be pulled."""

PULLED_DAYS = 3
"""The newest days are pulled like those of a real account. Days before them are stored at once: that saves time."""

_PULL_FROM, _PULL_WITH = 25, 8
"""With 25 new listens of one listener, all who have at least 8 are pulled: few files, and few windows overflow."""


def point_settings_at(standin: StandIn, home: Path) -> None:
    """Replace all settings of this process by those of the demo."""
    for name in [name for name in os.environ if name.startswith(("MOODLOG_", "SPOTIPY_")) or name == "DATABASE_URL"]:
        del os.environ[name]
    ignore_env_file()
    os.environ.update(
        MOODLOG_HOME=str(home),
        MOODLOG_DATABASE_URL=f"sqlite:///{home / 'moodlog.db'}",
        MOODLOG_SPOTIFY_CLIENT_ID="demo",
        MOODLOG_SPOTIFY_API_URL=standin.spotify_api_url,
        MOODLOG_SPOTIFY_ACCOUNTS_URL=standin.accounts_url,
        MOODLOG_RECCOBEATS_URL=standin.reccobeats_url,
        MOODLOG_DEEZER_URL=standin.deezer_url,
        MOODLOG_MUSICBRAINZ_URL=standin.musicbrainz_url,
        MOODLOG_SPOTIFY_DAILY_BUDGET="0",
    )


def simulate_days(standin: StandIn, days: int, progress: Callable[[str, float], None]) -> None:
    """Advance the stand-in's clock from ``days`` ago, or from the last pull, to now, and pull before windows overflow.

    A first demo stores the days before the last ``PULLED_DAYS`` at once. ``progress`` is called with the simulated day
    and the share, 0-1, that is done.
    """
    today = utc_now()
    with Workspace(now=lambda: from_ms(to_ms(standin.clock.now()))) as workspace:
        pulled = [account.last_pulled_at for account in workspace.accounts.all() if account.last_pulled_at]
        start = max([*pulled, today - timedelta(days=days)])
        standin.clock.set(start)
        _connect_all(workspace, standin)
        if not pulled and days > PULLED_DAYS:
            progress(f"{start.day} {start:%B}", 0.0)
            begin, start = start, today - timedelta(days=PULLED_DAYS)
            standin.clock.set(start)
            _store_past(workspace, standin, begin, start)
        pull = workspace.pulling()
        last_pulls = dict.fromkeys(standin.listeners, start)
        moment = start + STEP
        while moment < today:
            progress(f"{moment.day} {moment:%B}", (moment - start) / (today - start))
            new = {one: _new_listens(standin, one, since, moment) for one, since in last_pulls.items()}
            if max(new.values()) >= _PULL_FROM:
                due = [listener for listener, listens in new.items() if listens >= _PULL_WITH]
                standin.clock.set(moment)
                pull([listener.account_id for listener in due], now=moment)
                last_pulls |= dict.fromkeys(due, moment)
            moment += STEP
    standin.clock.set(utc_now())


def _store_past(workspace: Workspace, standin: StandIn, begin: datetime, end: datetime) -> None:
    """Store the listens from ``begin`` to ``end`` as one batch, as earlier pulls would have stored them."""
    listens: list[Listen] = []
    tracks: dict[str, Track] = {}
    songs = {song.track_id: payloads.track(song) for song in standin.world.catalogue.songs}
    for listener in standin.listeners:
        heard = [one for one in standin.world.truth(listener, begin, end) if one.visible_at <= end]
        items = [{"track": songs[one.track_id], "played_at": iso(one.played_at)} for one in heard]
        window = parse_window({"items": items}, listener.account_id)
        listens += window.listens
        tracks |= {track.track_id: track for track in window.tracks}
    add = workspace.batches.add
    add(TRACKS, to_table(TRACKS, [tracks[track_id] for track_id in sorted(tracks)]), now=end)
    add(LISTENS, to_table(LISTENS, listens), now=end)


def _new_listens(standin: StandIn, listener: Listener, since: datetime, now: datetime) -> int:
    """The listens that Spotify shows at ``now`` and did not show at ``since``."""
    since_ms = to_ms(since)
    return sum(play.visible_ms > since_ms for play in standin.world.window(listener, to_ms(now)))


def _connect_all(workspace: Workspace, standin: StandIn) -> None:
    known = {account.user_id for account in workspace.accounts.all()}
    for listener in standin.listeners:
        token = _consent(workspace, listener)
        if listener.account_id not in known:
            workspace.connect(token, listener.timezone)
        else:  # the last stand-in had another port, and a token is bound to its server's address
            workspace.keep_token(listener.account_id, token)


def _consent(workspace: Workspace, listener: Listener) -> Token:
    """Run the real authorisation with the consent of the stand-in instead of a browser."""
    addresses: list[str] = []

    def consent() -> str:
        address = httpx.URL(addresses[-1]).copy_merge_params({"listener": listener.listener_id})
        answer = httpx.get(address, follow_redirects=False)
        if answer.status_code != httpx.codes.FOUND:
            raise ConfigError(f"the stand-in refused consent with HTTP {answer.status_code}")
        return str(answer.headers["location"])

    service = workspace.spotify.token_service
    return authorise_by_hand(workspace.spotify_app, service, show=addresses.append, ask=consent)

"""Nights without Prefect: connecting the stand-in's listeners, one night's run, and what it must have stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import to_ms
from mood_core.spotify.tokens import Token
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.imports.match_pending import match_pending
from mood_core.usecases.nightly.fetch_features import fetch_features
from mood_core.usecases.nightly.label_tracks import label_tracks
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_account import pull_leased
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn

if TYPE_CHECKING:
    import pytest

TABLES = {
    "users": "SELECT user_id, display_name, timezone, connected_at_ms FROM users",
    "tracks": "SELECT track_id, name, artists, album, duration_ms, isrc, release_date, kind FROM tracks",
    "listens": "SELECT user_id, played_at_ms, track_id, listen_source FROM mood_history",
    "gaps": "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms FROM gaps AS g JOIN users AS u ON u.user_key = g.user_key",
    "features": (
        "SELECT t.track_id, f.acousticness, f.danceability, f.energy, f.instrumentalness, f.liveness, f.loudness,"
        " f.speechiness, f.tempo, f.valence, f.duration_ms, s.source FROM audio_features AS f"
        " JOIN tracks AS t ON t.track_key = f.track_key JOIN sources AS s ON s.source_key = f.source_key"
    ),
    "misses": (
        "SELECT t.track_id, s.source, m.reason, m.misses FROM feature_misses AS m"
        " JOIN tracks AS t ON t.track_key = m.track_key JOIN sources AS s ON s.source_key = m.source_key"
    ),
    "moods": "SELECT track_id, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, feature_source FROM _track_moods",
}
"""What a history is, by natural keys: two databases with equal answers hold the same."""


def settings_for(standin: StandIn) -> dict[str, str]:
    """The environment that points moodlog at ``standin``."""
    return {
        "MOODLOG_SPOTIFY_CLIENT_ID": "tests",
        "MOODLOG_SPOTIFY_API_URL": standin.spotify_api_url,
        "MOODLOG_SPOTIFY_ACCOUNTS_URL": standin.accounts_url,
        "MOODLOG_RECCOBEATS_URL": standin.reccobeats_url,
        "MOODLOG_RESOLVERS": "none",
        "MOODLOG_DEEZER_URL": standin.deezer_url,
        "MOODLOG_MUSICBRAINZ_URL": standin.musicbrainz_url,
        "MOODLOG_LISTENBRAINZ_URL": standin.listenbrainz_url,
        "MOODLOG_LASTFM_URL": standin.lastfm_url,
    }


def point_at(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point moodlog's settings at ``standin``, here and in the processes that are started."""
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)


def workspace_of(standin: StandIn) -> Workspace:
    """A workspace that lives by the stand-in's clock."""
    return Workspace(now=lambda: standin.clock.now().replace(microsecond=0))


def connect_listeners(workspace: Workspace, standin: StandIn, *, rotates: bool = True) -> list[str]:
    """Connect every listener of the stand-in, whose refresh tokens rotate or not; returns their user ids."""
    ids = []
    for listener in standin.listeners:
        answer = standin.issue_tokens(listener.listener_id, client_id="tests", rotates=rotates)
        ids.append(workspace.connect(token_of(answer, workspace.now()), listener.timezone).user_id)
    return sorted(ids)


def connected_and_pulled(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connect every listener and pull their listens, in the database of the settings; returns their user ids."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        pull(ids, now=workspace.now())
    return ids


def one_night(workspace: Workspace) -> NightReport:
    """What the nightly flow does, without Prefect."""
    now = workspace.now()
    report = NightReport(finished=workspace.batches.finish(now=now))
    ids = [account.user_id for account in workspace.accounts.all() if account.state == "active"]
    pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
    report.outcomes = pull_leased(ids, pull, workspace.accounts, workspace.now)
    with workspace.lock(NamedLock.LABELS):
        match_pending(ImportRows(workspace.database), workspace.batches, now=now)
        report.features = fetch_features(
            workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=now
        )
        report.labels = label_tracks(
            workspace.classifier,
            workspace.model_card,
            workspace.mood_rows,
            workspace.batches,
            now=now,
        )
    return report


def contents(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored, sorted, by natural keys."""
    with workspace.database.read() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in TABLES.items()
        }


def truth(standin: StandIn) -> Mapping[str, set[int]]:
    """By account: when (ms) each of the last 50 listens visible now was played."""
    now = standin.clock.now()
    result = {}
    for listener in standin.listeners:
        listens = standin.truth(listener.listener_id, now - timedelta(days=30), now)
        visible = sorted(listen.played_at for listen in listens if listen.visible_at <= now)[-50:]
        result[listener.account_id] = {to_ms(moment) for moment in visible}
    return result


def token_of(answer: dict[str, Any], now: datetime) -> Token:
    """The token in the token endpoint's ``answer``, for a consent given ``now``."""
    return Token(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        expires_at=now.astimezone(UTC) + timedelta(seconds=answer["expires_in"]),
        scope=answer["scope"],
        authorised_at=now,
    )

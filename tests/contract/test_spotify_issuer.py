"""A token belongs to the services that issued it: it goes to no other address, by no setting and by no redirect."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.errors import ConfigError, MoodlogError
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.tokens import SPOTIFY, Issuer, Token, TokenCipher
from standin import StandIn
from tests.contract.refreshing import EXPIRED
from tests.contract.spotify_fakes import MemoryTokens, Reply, app_at, serving, token
from tests.nights import connect_listeners, one_night, point_at, workspace_of


@pytest.mark.parametrize(
    ("issuer", "setting"),
    [
        (SPOTIFY, "MOODLOG_SPOTIFY_ACCOUNTS_URL"),
        (Issuer("http://127.0.0.1:1", "http://127.0.0.1:1"), "MOODLOG_SPOTIFY_ACCOUNTS_URL"),
        (None, "MOODLOG_SPOTIFY_API_URL"),
    ],
)
@pytest.mark.parametrize("lives", [EXPIRED, timedelta(hours=1)])
def test_a_token_is_not_sent_to_services_that_did_not_issue_it(
    repository: MemoryTokens, cipher: TokenCipher, issuer: Issuer | None, setting: str, lives: timedelta
) -> None:
    with serving(Reply()) as server:
        app = app_at(server.url)
        kept = token(lives=lives)
        issuer = issuer or Issuer(app.issuer.accounts, "https://api.spotify.com")
        store_new_token("person", kept, repository, cipher, issuer=issuer)
        clients = SpotifyClients(app, repository, cipher, retry=RetryPolicy(sleep=lambda _: None))
        with clients, pytest.raises(ConfigError, match="moodlog reconnect person") as refused:
            clients.for_user("person").profile()
    assert setting in refused.value.message
    assert server.seen == []
    assert repository.marked == {}, "with the setting put back, the account works"


def test_the_issuer_stays_through_refreshes_and_new_keys(repository: MemoryTokens, cipher: TokenCipher) -> None:
    mine = Issuer("https://a.example", "https://b.example:8443")
    kept = Token.from_json(replace(token(), issuer=mine).to_json())
    assert kept.refreshed("access-2", "refresh-2", kept.expires_at, None).issuer == mine
    assert Token.from_json(cipher.decrypt(cipher.rotate(cipher.encrypt(kept.to_json())))).issuer == mine


def test_a_token_that_was_stored_without_an_issuer_is_for_spotify_alone() -> None:
    fields = json.loads(token().to_json())
    del fields["issuer"]
    assert Token.from_json(json.dumps(fields).encode()).issuer == SPOTIFY
    with pytest.raises(ConfigError, match="reconnect"):
        Token.from_json(json.dumps(fields | {"issuer": ["only one"]}).encode())


def test_a_changed_address_costs_no_account_its_state(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    with serving(Reply()) as thief:
        monkeypatch.setenv("MOODLOG_SPOTIFY_ACCOUNTS_URL", thief.url)
        with workspace_of(standin) as workspace:
            outcomes = one_night(workspace).outcomes
    assert thief.seen == []
    assert {outcome.exit_code for outcome in outcomes} == {78}
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        assert {outcome.problem for outcome in one_night(workspace).outcomes} == {None}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_no_token_elsewhere(repository: MemoryTokens, cipher: TokenCipher, status: int) -> None:
    with (
        serving(Reply()) as thief,
        serving(Reply(status, headers={"Location": f"{thief.url}/api/token"})) as server,
        SpotifyClients(app_at(server.url), repository, cipher, retry=RetryPolicy(sleep=lambda _: None)) as clients,
        ReccoBeatsClient(server.url, retry=RetryPolicy(sleep=lambda _: None)) as reccobeats,
    ):
        store_new_token("fresh", token(of=app_at(server.url)), repository, cipher)
        store_new_token("tired", token(lives=EXPIRED, of=app_at(server.url)), repository, cipher)
        for ask in (
            clients.for_user("fresh").profile,
            clients.for_user("tired").profile,
            lambda: reccobeats.audio_features(["2takcwOaAZWiXQijPHIx7B"]),
        ):
            with pytest.raises(MoodlogError, match=f"redirect|{status}"):
                ask()
        assert len(server.seen) == 3
        assert thief.seen == []

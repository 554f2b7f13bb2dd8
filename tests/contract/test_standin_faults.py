"""Faults, limits and latency of the stand-in as a client meets them."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from standin import Fault, StandIn

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PLAYED = "/me/player/recently-played"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=2, now=NOW, frozen=True, catalogue_size=300) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, headers={"User-Agent": "moodlog-tests/1.0"}) as open_client:
        yield open_client


def get(standin: StandIn, client: httpx.Client, path: str = PLAYED, listener: str = "ada-1") -> httpx.Response:
    token = standin.issue_tokens(listener)["access_token"]
    return client.get(standin.spotify_api_url + path, headers={"Authorization": f"Bearer {token}"})


def test_a_rate_limit_says_how_long_to_wait(standin: StandIn, client: httpx.Client) -> None:
    standin.faults.add(Fault("rate_limited", endpoint="recently_played", retry_after_s=7))
    answer = get(standin, client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert "reason" not in answer.json()["error"]
    assert get(standin, client).status_code == 200


def test_the_long_form_names_the_quota(standin: StandIn, client: httpx.Client) -> None:
    standin.faults.add(Fault("rate_limited", retry_after_s=80_000, reason="QUOTA_EXCEEDED"))
    answer = get(standin, client)
    assert answer.headers["retry-after"] == "80000"
    assert answer.json()["error"]["reason"] == "QUOTA_EXCEEDED"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("server_error", status=502), 502),
        (Fault("server_error"), 503),
        (Fault("unauthorized"), 401),
        (Fault("forbidden"), 403),
    ],
)
def test_refusals_come_in_the_services_own_form(
    standin: StandIn, client: httpx.Client, fault: Fault, status: int
) -> None:
    standin.faults.add(fault)
    answer = get(standin, client)
    assert (answer.status_code, answer.json()["error"]["status"]) == (status, status)


@pytest.mark.parametrize("kind", ["cut_before_answer", "cut_mid_body"])
def test_a_connection_is_cut_once_and_the_next_call_answered(standin: StandIn, client: httpx.Client, kind: str) -> None:
    standin.faults.add(Fault(kind, endpoint="recently_played"))
    with pytest.raises(httpx.TransportError):
        get(standin, client)
    assert get(standin, client).status_code == 200


def test_malformed_empty_and_misshapen_answers(standin: StandIn, client: httpx.Client) -> None:
    for kind in ("malformed_json", "empty_body"):
        standin.faults.add(Fault(kind))
        answer = get(standin, client)
        assert answer.status_code == 200
        with pytest.raises(ValueError, match="line 1"):
            answer.json()
    standin.faults.add(Fault("wrong_shape"), Fault("wrong_shape", body='{"items": 3}'))
    assert "items" not in get(standin, client).json()
    assert get(standin, client).json() == {"items": 3}


def test_something_else_in_the_place_of_a_track(standin: StandIn, client: httpx.Client) -> None:
    whole = get(standin, client).json()["items"]
    standin.faults.add(Fault("null_track"), Fault("episode_item"))
    nothing, episode = (get(standin, client).json()["items"] for _ in range(2))
    assert nothing[0]["track"] is None
    assert episode[0]["track"]["type"] == "episode"
    assert nothing[1:] == episode[1:] == whole[1:]


def test_a_slow_answer_comes_after_all(standin: StandIn, client: httpx.Client) -> None:
    standin.faults.add(Fault("slow", delay_s=0.3))
    started = time.monotonic()
    assert get(standin, client).status_code == 200
    assert time.monotonic() - started >= 0.3
    standin.faults.add(Fault("slow", delay_s=0.5))
    with pytest.raises(httpx.ReadTimeout):
        client.get(standin.spotify_api_url + "/me", timeout=httpx.Timeout(60, read=0.1))


def test_a_revoked_token_stays_revoked(standin: StandIn, client: httpx.Client) -> None:
    tokens = standin.issue_tokens("ada-1", client_id="app")
    standin.faults.add(Fault("revoked", listener="ada-1", endpoint="token"))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "app"}
    for _ in range(2):
        answer = client.post(standin.accounts_url + "/api/token", data=form)
        assert answer.json() == {"error": "invalid_grant", "error_description": "Refresh token revoked"}
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get(standin.spotify_api_url + "/me", headers=header).status_code == 401
    assert get(standin, client, "/me", listener="bruno-2").status_code == 200
    assert get(standin, client, "/me").status_code == 200


def test_a_fault_keeps_to_its_listener(standin: StandIn, client: httpx.Client) -> None:
    account = standin.listeners[1].account_id
    standin.faults.add(Fault("server_error", listener=account, times=None))
    assert [get(standin, client, "/me", name).status_code for name in ("ada-1", "bruno-2", "ada-1")] == [200, 503, 200]


@pytest.mark.parametrize("kind", ["rate_limited", "server_error", "malformed_json"])
def test_faults_reach_the_other_services(standin: StandIn, client: httpx.Client, kind: str) -> None:
    standin.faults.add(Fault(kind, endpoint="reccobeats_audio_features"), Fault(kind, endpoint="token"))
    ids = {"ids": standin.world.song(0).track_id}
    features = client.get(standin.reccobeats_url + "/audio-features", params=ids)
    token = client.post(standin.accounts_url + "/api/token", data={"client_id": "app"})
    expected = {"rate_limited": (429, 429), "server_error": (503, 503), "malformed_json": (200, 400)}[kind]
    assert (features.status_code, token.status_code) == expected


def test_a_daily_quota_rolls_with_the_clock(client: httpx.Client) -> None:
    with StandIn(listeners=2, now=NOW, frozen=True, daily_quota=3, catalogue_size=100) as standin:
        for _ in range(3):
            assert get(standin, client).status_code == 200
            standin.clock.advance(timedelta(hours=1))
        refused = get(standin, client, listener="bruno-2")
        assert refused.status_code == 429
        assert refused.json()["error"]["reason"] == "QUOTA_EXCEEDED"
        assert refused.headers["retry-after"] == str(21 * 3600)
        assert get(standin, client, "/me").status_code == 200
        for _ in range(4):
            assert client.get(standin.reccobeats_url + "/track", params={"ids": "x"}).status_code == 200
        standin.clock.advance(timedelta(hours=21))
        assert [get(standin, client).status_code for _ in range(2)] == [200, 429]


def test_a_rate_limit_over_the_whole_api(client: httpx.Client) -> None:
    with StandIn(listeners=1, rate_per_30s=4, catalogue_size=100) as standin:
        statuses = [get(standin, client, path).status_code for path in (PLAYED, "/me") * 3]
        assert statuses == [200] * 4 + [429] * 2
        assert 1 <= int(get(standin, client).headers["retry-after"]) <= 30


def test_every_call_is_logged_without_its_secrets(standin: StandIn, client: httpx.Client) -> None:
    tokens = standin.issue_tokens("ada-1", client_id="app")
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    client.get(standin.spotify_api_url + PLAYED, params={"limit": 50}, headers=header)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "app"}
    client.post(standin.accounts_url + "/api/token", data=form)
    client.get(standin.accounts_url + "/authorize", params={"client_id": "app", "state": "a-secret-state"})
    assert standin.calls.by_endpoint() == {"authorize": 1, "recently_played": 1, "token": 1}
    assert standin.calls.count() == 3
    (played,) = standin.calls.entries("recently_played")
    assert (played.listener, played.query, played.status) == ("ada-1", "limit=50", 200)
    assert played.user_agent == "moodlog-tests/1.0"
    logged = repr(standin.calls.entries())
    assert not any(secret in logged for secret in (tokens["access_token"], tokens["refresh_token"], "a-secret-state"))
    standin.calls.clear()
    assert standin.calls.count() == 0


def test_latency_is_added_to_every_call(standin: StandIn, client: httpx.Client) -> None:
    standin.latency_s = 0.2
    started = time.monotonic()
    get(standin, client, "/me")
    assert time.monotonic() - started >= 0.2


def test_requests_that_make_no_sense_do_no_harm(standin: StandIn, client: httpx.Client) -> None:
    url = standin.accounts_url + "/api/token"
    assert client.post(url, content=b"\xff\xfe\x00" * 20).status_code == 400
    assert client.post(url, headers={"Authorization": "Basic %%%"}).status_code == 400
    raw = http.client.HTTPConnection("127.0.0.1", int(standin.base_url.rpartition(":")[2]), timeout=60)
    raw.putrequest("POST", "/accounts/api/token")
    raw.putheader("Content-Length", "9999999")
    raw.endheaders()
    assert raw.getresponse().status == 413
    raw.close()
    assert client.get(standin.spotify_api_url + "/me", headers={"Authorization": "Bearer ."}).status_code == 401

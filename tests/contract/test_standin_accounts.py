"""The stand-in's Accounts service over HTTP: consent, exchange, refreshing, revocation, death after six months."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from standin import StandIn

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
REDIRECT = "http://127.0.0.1:8765/callback"
SCOPE = "user-read-recently-played"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-length"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=3, now=NOW, frozen=True, catalogue_size=300) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as open_client:
        yield open_client


def authorize(standin: StandIn, client: httpx.Client, **changes: str | None) -> httpx.Response:
    query: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "state": "xyz",
        "scope": SCOPE,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "listener": "ada-1",
    }
    wanted = {name: value for name, value in (query | changes).items() if value is not None}
    return client.get(standin.accounts_url + "/authorize", params=wanted)


def landed(response: httpx.Response) -> dict[str, str]:
    """The query that the redirect carries."""
    assert response.status_code == 302, response.text
    location = response.headers["location"]
    assert location.startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def post(
    standin: StandIn, client: httpx.Client, form: dict[str, str], secret: tuple[str, str] | None = None
) -> httpx.Response:
    auth = httpx.BasicAuth(*secret) if secret else httpx.Auth()
    return client.post(standin.accounts_url + "/api/token", data=form, auth=auth)


def exchange(standin: StandIn, client: httpx.Client, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": "app",
        "code_verifier": VERIFIER,
    }
    return post(standin, client, form | changes)


def connect(standin: StandIn, client: httpx.Client) -> dict[str, Any]:
    answer = exchange(standin, client, landed(authorize(standin, client))["code"])
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def refresh(standin: StandIn, client: httpx.Client, token: str) -> httpx.Response:
    return post(standin, client, {"grant_type": "refresh_token", "refresh_token": token, "client_id": "app"})


def me(standin: StandIn, client: httpx.Client, token: str) -> httpx.Response:
    return client.get(standin.spotify_api_url + "/me", headers={"Authorization": f"Bearer {token}"})


REVOKED = {"error": "invalid_grant", "error_description": "Refresh token revoked"}


def test_consent_with_pkce_gives_tokens(standin: StandIn, client: httpx.Client) -> None:
    answer = landed(authorize(standin, client))
    assert answer["state"] == "xyz"
    tokens = exchange(standin, client, answer["code"]).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, SCOPE)
    assert me(standin, client, tokens["access_token"]).json()["id"] == "ada-1"


def test_a_person_at_a_browser_sees_who_may_agree(standin: StandIn, client: httpx.Client) -> None:
    page = authorize(standin, client, listener=None, client_id="<script>alert('x')</script>")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert page.text.count("Agree as") == 3
    assert "cancel=1" in page.text


def test_a_person_may_cancel(standin: StandIn, client: httpx.Client) -> None:
    assert landed(authorize(standin, client, listener=None, cancel="1")) == {"error": "access_denied", "state": "xyz"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"redirect_uri": "http://localhost:8765/callback"}, "redirect URI"),
        ({"redirect_uri": "http://example.org/callback"}, "redirect URI"),
        ({"redirect_uri": None}, "redirect URI"),
        ({"client_id": None}, "Invalid client"),
        ({"listener": "nobody"}, "no such listener"),
    ],
)
def test_a_wrong_request_is_not_redirected(
    standin: StandIn, client: httpx.Client, changes: dict[str, str | None], said: str
) -> None:
    answer = authorize(standin, client, **changes)
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_bad_request_is_reported_to_the_app(
    standin: StandIn, client: httpx.Client, changes: dict[str, str | None], error: str
) -> None:
    assert landed(authorize(standin, client, **changes))["error"] == error


def test_a_code_is_good_once(standin: StandIn, client: httpx.Client) -> None:
    code = landed(authorize(standin, client))["code"]
    assert exchange(standin, client, code).status_code == 200
    again = exchange(standin, client, code)
    assert again.status_code == 400
    assert again.json() == {"error": "invalid_grant", "error_description": "Invalid authorization code"}


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "another"},
        {"redirect_uri": "http://127.0.0.1:1/other"},
        {"client_id": "other"},
    ],
)
def test_a_code_is_good_only_as_it_was_given(standin: StandIn, client: httpx.Client, changes: dict[str, str]) -> None:
    code = landed(authorize(standin, client))["code"]
    refused = exchange(standin, client, code, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert exchange(standin, client, code).status_code == 200


def test_an_invented_code_is_no_code(standin: StandIn, client: httpx.Client) -> None:
    assert exchange(standin, client, "AQx.y").json()["error"] == "invalid_grant"


def test_a_code_is_good_for_ten_minutes(standin: StandIn, client: httpx.Client) -> None:
    code = landed(authorize(standin, client))["code"]
    standin.clock.advance(timedelta(minutes=10))
    assert exchange(standin, client, code).json()["error_description"] == "Authorization code expired"


def test_access_tokens_expire_after_an_hour(standin: StandIn, client: httpx.Client) -> None:
    token = connect(standin, client)["access_token"]
    standin.clock.advance(timedelta(seconds=3599))
    assert me(standin, client, token).status_code == 200
    standin.clock.advance(timedelta(seconds=1))
    answer = me(standin, client, token)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"status": 401, "message": "The access token expired"}}


def test_refreshing_with_pkce_rotates(standin: StandIn, client: httpx.Client) -> None:
    first = connect(standin, client)
    second = refresh(standin, client, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert me(standin, client, second["access_token"]).status_code == 200
    stale = refresh(standin, client, first["refresh_token"])
    assert (stale.status_code, stale.json()) == (400, REVOKED)
    assert refresh(standin, client, second["refresh_token"]).status_code == 200


def test_refreshing_with_a_secret_keeps_the_refresh_token(standin: StandIn, client: httpx.Client) -> None:
    code = landed(authorize(standin, client, code_challenge=None, code_challenge_method=None))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    tokens = post(standin, client, form, ("app", "hush")).json()
    renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for _ in range(2):
        answer = post(standin, client, renewal, ("app", "hush"))
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
    without_secret = post(standin, client, renewal | {"client_id": "app"})
    assert without_secret.json()["error"] == "invalid_client"


def test_a_registered_secret_and_address_are_checked(client: httpx.Client) -> None:
    with StandIn(listeners=1, catalogue_size=50, client_secret="hush", redirect_uris=[REDIRECT]) as standin:
        other = authorize(standin, client, redirect_uri="http://127.0.0.1:1/other")
        assert "Invalid redirect URI" in other.text
        code = landed(authorize(standin, client))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        assert post(standin, client, form, ("app", "wrong")).json()["error"] == "invalid_client"
        assert post(standin, client, form, ("app", "hush")).status_code == 200


def test_refresh_tokens_die_six_months_after_the_consent(standin: StandIn, client: httpx.Client) -> None:
    token = connect(standin, client)["refresh_token"]
    standin.clock.set(datetime(2027, 5, 2, 8, 59, tzinfo=UTC))
    renewed = refresh(standin, client, token)
    assert renewed.status_code == 200
    standin.clock.set(datetime(2027, 5, 2, 9, 0, tzinfo=UTC))
    answer = refresh(standin, client, renewed.json()["refresh_token"])
    assert (answer.status_code, answer.json()) == (400, REVOKED)
    assert refresh(standin, client, connect(standin, client)["refresh_token"]).status_code == 200


def test_revoking_kills_every_token_until_the_next_consent(standin: StandIn, client: httpx.Client) -> None:
    tokens = connect(standin, client)
    standin.revoke("ada-1")
    assert me(standin, client, tokens["access_token"]).status_code == 401
    assert refresh(standin, client, tokens["refresh_token"]).json() == REVOKED
    healed = connect(standin, client)
    assert me(standin, client, healed["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "nonsense", "client_id": "app"}, "invalid_grant"),
        ({"grant_type": "password", "client_id": "app"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_client"),
    ],
)
def test_a_wrong_token_request_is_refused_as_oauth_has_it(
    standin: StandIn, client: httpx.Client, form: dict[str, str], error: str
) -> None:
    answer = post(standin, client, form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_the_app_itself_can_have_a_token(standin: StandIn, client: httpx.Client) -> None:
    answer = post(standin, client, {"grant_type": "client_credentials"}, ("app", "hush")).json()
    assert "refresh_token" not in answer
    track_id = next(iter(standin.world.catalogue.by_id))
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert client.get(f"{standin.spotify_api_url}/tracks/{track_id}", headers=headers).status_code == 200
    assert client.get(standin.spotify_api_url + "/me", headers=headers).status_code == 401


def test_a_restart_with_the_same_seed_accepts_earlier_tokens(client: httpx.Client) -> None:
    with StandIn(seed=5, listeners=2, now=NOW, frozen=True, catalogue_size=50) as first:
        tokens = connect(first, client)
    with StandIn(seed=5, listeners=2, now=NOW + timedelta(days=1), frozen=True, catalogue_size=50) as second:
        renewed = refresh(second, client, tokens["refresh_token"])
        assert renewed.status_code == 200
        assert me(second, client, renewed.json()["access_token"]).json()["id"] == "ada-1"
        # What happens in this process is honoured: the old one was rotated away.
        assert refresh(second, client, tokens["refresh_token"]).json() == REVOKED
    with StandIn(seed=6, listeners=2, now=NOW, frozen=True, catalogue_size=50) as stranger:
        assert refresh(stranger, client, tokens["refresh_token"]).status_code == 400


def test_tokens_without_the_dance(standin: StandIn, client: httpx.Client) -> None:
    tokens = standin.issue_tokens("bruno-2", client_id="app")
    assert me(standin, client, tokens["access_token"]).json()["id"] == "bruno-2"
    assert refresh(standin, client, tokens["refresh_token"]).json()["refresh_token"]
    kept = standin.issue_tokens(standin.listeners[1].account_id, client_id="app", rotates=False)
    assert me(standin, client, kept["access_token"]).json()["account_id"] == standin.listeners[1].account_id

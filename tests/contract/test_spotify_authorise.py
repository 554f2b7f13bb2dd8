"""Connecting an account: the address, consent by hand, and the exchange of the code, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mood_core.errors import (
    ConfigError,
    InputError,
    MoodlogError,
    ReauthorisationNeeded,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.spotify.authorise import (
    Authorisation,
    authorise_by_hand,
    begin,
    challenge_of,
    exchange,
    new_state,
    parse_pasted,
)
from mood_core.spotify.callback import parse_redirect
from mood_core.spotify.session import SCOPE
from mood_core.spotify.token_service import check_clock
from standin import StandIn
from tests.contract.spotify_fakes import Reply, app_at, service_of, serving


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=3, catalogue_size=400, listeners=2) as running:
        yield running


def test_the_address_asks_for_one_scope_with_a_challenge() -> None:
    app = app_at("https://api.spotify.com/v1", "https://accounts.spotify.com")
    request = begin(app, app.redirect_uri, new_state())
    parts = urlsplit(request.address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://accounts.spotify.com/authorize"
    assert query == {
        "client_id": "client-1",
        "response_type": "code",
        "redirect_uri": app.redirect_uri,
        "scope": "user-read-recently-played",
        "state": request.state,
        "code_challenge_method": "S256",
        "code_challenge": challenge_of(request.verifier),
    }
    assert 43 <= len(request.verifier) <= 128
    assert request.verifier not in request.address
    assert request.verifier not in repr(request)


def test_the_challenge_is_that_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_each_request_is_its_own() -> None:
    app = app_at("http://127.0.0.1:1")
    one, other = begin(app, app.redirect_uri, new_state()), begin(app, app.redirect_uri, new_state())
    assert one.state != other.state
    assert one.verifier != other.verifier


REQUEST = Authorisation("https://accounts.spotify.com/authorize?x", "http://127.0.0.1:8888/callback", "sss", "vvv")


@pytest.mark.parametrize(
    "pasted",
    [
        "http://127.0.0.1:8888/callback?code=CCC&state=sss",
        "  http://127.0.0.1:8888/callback?state=sss&code=CCC#_=_ \n",
        "'http://127.0.0.1:8888/callback?code=CCC&state=sss'",
        "<http://127.0.0.1:8888/callback?code=CCC&state=sss>",
        "?code=CCC&state=sss",
        "code=CCC&state=sss",
        "http://[broken?code=CCC&state=sss",
        "CCC",
        " CCC\n",
    ],
)
def test_a_pasted_address_or_code_gives_the_code(pasted: str) -> None:
    assert parse_pasted(pasted, REQUEST) == "CCC"


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        ("", InputError),
        ("   ", InputError),
        ("two words", InputError),
        ("http://127.0.0.1:8888/callback", InputError),
        ("https://accounts.spotify.com/authorize?x", InputError),
        ("http://127.0.0.1:8888/callback?code=CCC&state=other", ReauthorisationNeeded),
        ("http://127.0.0.1:8888/callback?code=CCC", ReauthorisationNeeded),
        ("http://127.0.0.1:8888/callback?error=access_denied&state=sss", ReauthorisationNeeded),
    ],
)
def test_what_is_pasted_by_mistake_is_refused(pasted: str, kind: type[MoodlogError]) -> None:
    with pytest.raises(kind):
        parse_pasted(pasted, REQUEST)


@given(st.text())
def test_pasted_text_is_a_code_or_an_error_of_ours(pasted: str) -> None:
    try:
        assert parse_pasted(pasted, REQUEST)
    except MoodlogError as error:
        assert error.message  # noqa: PT017 - the other outcome is a code
    redirect = parse_redirect(pasted)
    assert redirect is None or redirect.code or redirect.error


def test_consent_on_another_machine_gives_a_token(standin: StandIn) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url)
    shown: list[str] = []

    def ask() -> str:
        return httpx.get(f"{shown[0]}&listener={standin.listeners[0].listener_id}").headers["Location"]

    assert authorise_by_hand(app, service_of(app), show=shown.append, ask=ask).refresh_token


def code_for(standin: StandIn, request: Authorisation) -> str:
    location = httpx.get(f"{request.address}&listener={standin.listeners[0].listener_id}").headers["Location"]
    return parse_pasted(location, request)


def test_a_code_works_once(standin: StandIn) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url)
    request = begin(app, app.redirect_uri, new_state())
    code = code_for(standin, request)
    assert exchange(request, code, service_of(app)).refresh_token
    with pytest.raises(ReauthorisationNeeded, match="once"):
        exchange(request, code, service_of(app))


def test_a_code_of_another_request_is_refused(standin: StandIn) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url)
    code = code_for(standin, begin(app, app.redirect_uri, new_state()))
    with pytest.raises(ReauthorisationNeeded):
        exchange(begin(app, app.redirect_uri, new_state()), code, service_of(app))


def test_a_wrong_secret_names_its_setting_and_not_itself() -> None:
    with StandIn(seed=3, catalogue_size=400, listeners=1, client_secret="right") as standin:
        app = app_at(standin.spotify_api_url, standin.accounts_url, client_secret=SecretStr("wrong"))
        request = begin(app, app.redirect_uri, new_state())
        with pytest.raises(ConfigError, match="MOODLOG_SPOTIFY_CLIENT_SECRET") as caught:
            exchange(request, code_for(standin, request), service_of(app))
    assert "wrong" not in caught.value.message


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            Reply(400, {"error": "invalid_grant", "error_description": "Invalid redirect URI"}),
            ConfigError,
            "register exactly",
        ),
        (
            Reply(400, {"error": "invalid_grant", "error_description": "Authorization code expired"}),
            ReauthorisationNeeded,
            "ten minutes",
        ),
        (Reply(400, {"error": "invalid_client", "error_description": "Invalid client"}), ConfigError, "CLIENT_ID"),
        (Reply(body={"access_token": "a", "expires_in": 3600}), UnexpectedPayload, "refresh token"),
        (Reply(body={"access_token": "a"}), UnexpectedPayload, "no token"),
        (Reply(503), Unavailable, "503"),
    ],
)
def test_an_exchange_that_fails_says_what_to_do(reply: Reply, kind: type[MoodlogError], words: str) -> None:
    with serving(reply) as server:
        app = app_at(server.url)
        with pytest.raises(kind, match=words):
            exchange(begin(app, app.redirect_uri, new_state()), "CCC", service_of(app))


def test_the_exchange_sends_the_verifier_of_its_request() -> None:
    good = Reply(body={"access_token": "a", "refresh_token": "r", "expires_in": 3600, "scope": SCOPE})
    with serving(good) as server:
        app = app_at(server.url)
        request = begin(app, "http://127.0.0.1:9999/other", new_state())
        exchange(request, "CCC", service_of(app))
    assert server.seen[0].form == {
        "client_id": "client-1",
        "grant_type": "authorization_code",
        "code": "CCC",
        "redirect_uri": "http://127.0.0.1:9999/other",
        "code_verifier": request.verifier,
    }


@pytest.mark.parametrize(("scope", "granted"), [("user-read-email", False), (f"x {SCOPE}", True), (None, True)])
def test_a_permission_without_the_scope_is_refused_at_once(scope: str | None, *, granted: bool) -> None:
    body = {"access_token": "a", "refresh_token": "r", "expires_in": 3600} | ({"scope": scope} if scope else {})
    with serving(Reply(body=body)) as server:
        app = app_at(server.url)
        request = begin(app, app.redirect_uri, new_state())
        if granted:
            assert exchange(request, "CCC", service_of(app)).access_token == "a"
        else:
            with pytest.raises(ReauthorisationNeeded, match=f"without {SCOPE}"):
                exchange(request, "CCC", service_of(app))


@pytest.mark.parametrize(("minutes", "side"), [(7, "ahead of"), (-90, "behind")])
def test_a_clock_that_is_off_is_reported_by_how_much(standin: StandIn, minutes: int, side: str) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url)
    request = begin(app, app.redirect_uri, new_state())
    code = code_for(standin, request)
    with pytest.raises(ConfigError, match=f"{abs(minutes)} minutes {side}"):
        exchange(request, code, service_of(app, lambda: datetime.now(UTC) + timedelta(minutes=minutes)))


def test_a_clock_that_is_a_little_off_is_fine() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    check_clock(now, now + timedelta(minutes=5))
    check_clock(now, now - timedelta(minutes=5))

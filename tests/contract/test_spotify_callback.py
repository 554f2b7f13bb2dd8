"""Consent in a browser on this machine: the loopback server that catches the answer, over real HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from mood_core.errors import ConfigError, MoodlogError, ReauthorisationNeeded
from mood_core.spotify.authorise import authorise
from mood_core.spotify.callback import CallbackServer, check_redirect_uri
from mood_core.spotify.ports import SpotifyApp
from mood_core.spotify.tokens import Token
from standin import StandIn
from tests.contract.spotify_fakes import app_at, service_of


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=3, catalogue_size=400, listeners=2) as running:
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def redirect_uri() -> str:
    return f"http://127.0.0.1:{free_port()}/callback"


class Browser:
    """Opens an address in another thread, as a person at the stand-in's consent page does."""

    def __init__(self, **choice: str) -> None:
        self.choice = choice
        self.pages: list[httpx.Response] = []
        self._threads: list[threading.Thread] = []

    def __call__(self, address: str) -> None:
        thread = threading.Thread(target=self._visit, args=(address,))
        thread.start()
        self._threads.append(thread)

    def _visit(self, address: str) -> None:
        self.pages.append(
            httpx.get(address + "".join(f"&{k}={v}" for k, v in self.choice.items()), follow_redirects=True)
        )

    def close(self) -> None:
        for thread in self._threads:
            thread.join()


def by_browser(app: SpotifyApp, browser: Callable[[str], None], **changes: Any) -> Token:
    shown: list[str] = []
    token = authorise(app, service_of(app), show=shown.append, open_browser=browser, timeout_s=120, **changes)
    assert len(shown) == 1
    return token


@pytest.mark.parametrize("secret", [None, "sss"])
def test_consent_in_the_browser_gives_a_token(standin: StandIn, redirect_uri: str, secret: str | None) -> None:
    app = app_at(
        standin.spotify_api_url,
        standin.accounts_url,
        redirect_uri=redirect_uri,
        client_secret=SecretStr(secret) if secret else None,
    )
    browser = Browser(listener=standin.listeners[1].listener_id)
    token = by_browser(app, browser)
    browser.close()
    assert token.scope == "user-read-recently-played"
    assert abs(token.authorised_at - datetime.now(UTC)) < timedelta(minutes=30)
    assert timedelta(minutes=59) < token.expires_at - token.authorised_at <= timedelta(hours=1)
    (page,) = browser.pages
    assert page.status_code == 200
    assert "close this page" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    answer = httpx.get(
        f"{standin.spotify_api_url}/me", headers={"Authorization": f"Bearer {token.access_token}"}
    ).json()
    assert answer["account_id"] == standin.listeners[1].account_id


def test_the_page_shows_no_code(standin: StandIn, redirect_uri: str) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url, redirect_uri=redirect_uri)
    browser = Browser(listener=standin.listeners[0].listener_id)
    token = by_browser(app, browser)
    browser.close()
    (page,) = browser.pages
    code = parse_qs(urlsplit(str(page.url)).query)["code"][0]
    for secret in (code, token.access_token, token.refresh_token):
        assert secret not in page.text


def test_a_declined_consent_is_said(standin: StandIn, redirect_uri: str) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url, redirect_uri=redirect_uri)
    browser = Browser(cancel="1")
    with pytest.raises(ReauthorisationNeeded, match="declined"):
        by_browser(app, browser)
    browser.close()
    assert browser.pages[0].status_code == 400
    assert "terminal" in browser.pages[0].text


def test_a_browser_in_the_terminal_holds_up_the_caller(standin: StandIn, redirect_uri: str) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url, redirect_uri=redirect_uri)

    def text_browser(address: str) -> None:
        httpx.get(f"{address}&listener={standin.listeners[0].listener_id}", follow_redirects=True)

    assert by_browser(app, text_browser).refresh_token


def test_a_redirect_uri_without_a_port_gets_a_free_one(standin: StandIn) -> None:
    app = app_at(standin.spotify_api_url, standin.accounts_url, redirect_uri="http://127.0.0.1/callback")
    browser = Browser(listener=standin.listeners[0].listener_id)
    assert by_browser(app, browser).refresh_token
    browser.close()
    assert browser.pages[0].url.port is not None


def test_a_redirect_uri_on_ipv6_is_listened_on(standin: StandIn) -> None:
    if not socket.has_ipv6 or not _ipv6_works():
        pytest.skip("this machine has no IPv6 loopback")
    app = app_at(standin.spotify_api_url, standin.accounts_url, redirect_uri="http://[::1]/back")
    browser = Browser(listener=standin.listeners[0].listener_id)
    assert by_browser(app, browser).refresh_token
    browser.close()
    assert browser.pages[0].url.host == "::1"


def _ipv6_works() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_where_nobody_comes_the_sentence_says_what_to_register(redirect_uri: str) -> None:
    with (
        CallbackServer(redirect_uri, "sss") as server,
        pytest.raises(ReauthorisationNeeded, match="Invalid redirect URI") as no,
    ):
        server.wait(0.05)
    assert redirect_uri in no.value.message


def test_the_port_is_free_again_afterwards(redirect_uri: str) -> None:
    for _ in range(3):
        with CallbackServer(redirect_uri, "sss") as server, pytest.raises(ReauthorisationNeeded):
            server.wait(0.01)


def test_a_port_that_is_taken_names_the_setting(redirect_uri: str) -> None:
    with CallbackServer(redirect_uri, "sss"), pytest.raises(ConfigError, match="MOODLOG_SPOTIFY_REDIRECT_URI"):
        CallbackServer(redirect_uri, "sss")


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:8888/callback",
        "http://0.0.0.0:8888/callback",
        "http://192.168.1.7:8888/callback",
        "http://example.org/callback",
        "ftp://127.0.0.1/callback",
        "127.0.0.1:8888/callback",
        "https://",
        "http://[broken",
        "http://127.0.0.1:99999/callback",
        "",
    ],
)
def test_redirect_uris_that_spotify_does_not_accept(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1"):
        check_redirect_uri(uri)
    with pytest.raises(ConfigError):
        CallbackServer(uri, "sss")


def test_a_hosted_redirect_uri_works_by_hand_alone() -> None:
    check_redirect_uri("https://example.org/callback")
    with pytest.raises(ConfigError, match="--no-browser"):
        CallbackServer("https://example.org/callback", "sss")


def visiting(uri: str, *paths: str) -> threading.Thread:
    """Ask for ``paths`` below the redirect URI's host, one after the other, in another thread."""
    parts = urlsplit(uri)

    def visit() -> None:
        for path in paths:
            httpx.get(f"{parts.scheme}://{parts.netloc}{path}")

    thread = threading.Thread(target=visit)
    thread.start()
    return thread


def test_other_requests_are_not_the_answer(redirect_uri: str) -> None:
    with CallbackServer(redirect_uri, "sss") as server:
        idle = socket.create_connection(("127.0.0.1", urlsplit(redirect_uri).port or 0))
        thread = visiting(
            redirect_uri,
            "/favicon.ico",
            "/",
            "/callback",
            "/callback?state=sss",
            "/other?code=wrong&state=sss",
            "/callback?code=right&state=sss",
        )
        assert server.wait(10) == "right"
        thread.join()
        idle.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_what_a_page_sends_behind_the_persons_back_is_not_the_answer(
    redirect_uri: str, headers: dict[str, str]
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with CallbackServer(redirect_uri, "sss") as server:
        for query in ("error=access_denied", "code=wrong&state=sss"):
            assert httpx.get(f"{redirect_uri}?{query}", headers=headers).status_code == 404
        assert httpx.get(f"{redirect_uri}?code=right&state=sss", headers=link).status_code == 200
        assert server.wait(10) == "right"


@pytest.mark.parametrize("path", ["/callback?code=c&state=other", "/callback?code=c", "/callback?error=access_denied"])
def test_an_answer_of_another_state_is_refused(redirect_uri: str, path: str) -> None:
    with CallbackServer(redirect_uri, "sss") as server:
        thread = visiting(redirect_uri, path)
        with pytest.raises(ReauthorisationNeeded, match="state"):
            server.wait(10)
        thread.join()


@pytest.mark.parametrize(
    ("error", "kind"),
    [("access_denied", ReauthorisationNeeded), ("invalid_scope", ConfigError), ("<script>", ConfigError)],
)
def test_an_error_that_the_browser_brings_is_reported_without_markup(
    redirect_uri: str, error: str, kind: type[MoodlogError]
) -> None:
    with CallbackServer(redirect_uri, "sss") as server:
        thread = visiting(redirect_uri, f"/callback?error={error}&state=sss")
        with pytest.raises(kind) as caught:
            server.wait(10)
        thread.join()
    assert "<" not in caught.value.message

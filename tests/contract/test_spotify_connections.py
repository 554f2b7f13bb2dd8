"""What a connection to Spotify survives: slow, cut, odd and endless answers, proxies, cookies, many accounts."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from typing import Any

import pytest

from mood_core.errors import AccessDenied, ConfigError, MoodlogError, Unavailable, UnexpectedPayload
from mood_core.spotify import reading, session
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.tokens import TokenCipher
from tests.contract.spotify_fakes import MemoryTokens, Reply, Seen, app_at, scripted, serving, token


def test_a_timeout_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "TIMEOUT_S", (1.0, 0.1))
    waits: list[float] = []
    with serving(Reply(body={"id": "x"}, delay_s=0.4), Reply(body={"id": "x"}, delay_s=0.4)) as server:
        with pytest.raises(Unavailable, match="in time"):
            scripted(server.url, waits).profile()
        while len(server.seen) < 4:  # the client does not wait until a busy server has read its request
            time.sleep(0.01)
        assert len(server.seen) == 4
    assert len(waits) == 3


def test_an_answer_that_drips_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; the whole never does."""
    monkeypatch.setattr(reading, "WITHIN_S", 0.1)
    with serving(Reply(body={"id": "x" * 40}, drip_s=0.03)) as server, pytest.raises(Unavailable, match="in time"):
        scripted(server.url).profile()


def test_an_answer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    with serving(Reply(body={"id": "x" * 2000})) as server, pytest.raises(UnexpectedPayload, match="1000 bytes"):
        scripted(server.url).profile()
    assert len(server.seen) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read(encoding: str) -> None:
    plain = b'{"id": "x", "filler": "' + b"x" * 100_000 + b'"}'
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    with serving(Reply(body=packed, headers={"Content-Encoding": encoding})) as server:
        assert scripted(server.url).profile().account_id == "x"


def test_a_connection_that_closes_between_calls_costs_nothing() -> None:
    waits: list[float] = []
    with serving(Reply(body={"id": "x"}, cut=1000)) as server:
        client = scripted(server.url, waits)
        for _ in range(5):
            assert client.profile().account_id == "x"
            time.sleep(0.02)
    assert waits == []
    assert len(server.connections) == 5


def test_nobody_listening_is_unavailable() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(Unavailable, match="could not be reached"):
        scripted(url).profile()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(302, headers={"Location": "https://example.org/"}), UnexpectedPayload),
        (Reply(301, headers={"Location": "/me"}), UnexpectedPayload),
        (Reply(200, "[" * 50_000), UnexpectedPayload),
        (Reply(200, b"\xff\xfe\x00"), UnexpectedPayload),
        (Reply(200, "null"), UnexpectedPayload),
        (Reply(200, '"text"'), UnexpectedPayload),
        (Reply(400, "[]"), MoodlogError),
        (Reply(403, '{"error": "just text"}'), AccessDenied),
        (Reply(403, "[1]"), AccessDenied),
        (Reply(500, '{"error": ["list"]}'), Unavailable),
        (Reply(418, '{"error": null}'), MoodlogError),
    ],
)
def test_an_answer_of_another_server_is_an_error_of_its_kind(reply: Reply, kind: type[MoodlogError]) -> None:
    with serving(reply) as server, pytest.raises(kind):
        scripted(server.url).profile()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'\xef\xbb\xbf{"id": "x"}'),
        Reply(body='{"id": "x"}', headers={"Content-Type": "text/plain; charset=utf-16"}),
        Reply(201, '{"id": "x"}'),
    ],
)
def test_a_good_answer_in_odd_clothes_is_read(reply: Reply) -> None:
    with serving(reply) as server:
        assert scripted(server.url).profile().account_id == "x"


def test_a_netrc_file_does_not_take_the_place_of_the_token(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr(session, "is_loopback", lambda _: False)
    with serving(Reply(body={"id": "x"})) as server:
        scripted(server.url).profile()
    assert server.seen[0].headers["Authorization"] == "Bearer access-1"


def test_a_proxy_is_not_asked_for_this_machines_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(Reply(body={"id": "x"})) as server:
        scripted(server.url).profile()
    assert len(server.seen) == 1


def test_cookies_are_not_carried_from_one_account_to_the_next() -> None:
    with serving(Reply(body={"id": "x"}, headers={"Set-Cookie": "device=1; Path=/"})) as server:
        client = scripted(server.url)
        client.profile()
        client.profile()
    assert all("Cookie" not in seen.headers for seen in server.seen)


def test_many_accounts_share_a_connection_and_never_a_token() -> None:
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    people = [f"person{number}" for number in range(40)]

    def answer(seen: Seen) -> Reply:
        return Reply(body={"id": seen.headers["Authorization"].removeprefix("Bearer access-of-")})

    with serving(answer=answer) as server, SpotifyClients(app_at(server.url), tokens, cipher) as clients:
        for person in people:
            store_new_token(person, token(f"access-of-{person}", of=app_at(server.url)), tokens, cipher)
        assert [clients.for_user(person).profile().account_id for person in people] == people
        assert len(server.connections) == 1


def test_many_threads_share_few_connections_and_never_a_token() -> None:
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    people = [f"person{number}" for number in range(8)]
    reported: dict[str, set[str]] = {}

    def answer(seen: Seen) -> Reply:
        return Reply(body={"id": seen.headers["Authorization"].removeprefix("Bearer access-of-")})

    with serving(answer=answer) as server, SpotifyClients(app_at(server.url), tokens, cipher) as clients:
        for person in people:
            store_new_token(person, token(f"access-of-{person}", of=app_at(server.url)), tokens, cipher)

        def ask(person: str) -> None:
            client = clients.for_user(person)
            reported[person] = {client.profile().account_id for _ in range(25)}

        threads = [threading.Thread(target=ask, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reported == {person: {person} for person in people}
        assert len(server.connections) <= len(people)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.spotify.com",
        "ftp://x/",
        "http://",
        "http://user:pass@",
        "https://x/?a=b",
        "http://[x",
        "http://x:99999",
    ],
)
def test_an_invalid_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match="MOODLOG_SPOTIFY_API_URL") as caught:
        app_at(url, "http://127.0.0.1:1")
    assert "pass" not in caught.value.message


def test_an_app_without_an_id_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="MOODLOG_SPOTIFY_CLIENT_ID"):
        app_at("http://127.0.0.1:1", client_id=" ")

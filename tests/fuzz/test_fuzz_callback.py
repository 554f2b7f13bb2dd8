"""The callback server with requests from any program on this machine: it waits for the right redirect."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.errors import MoodlogError
from mood_core.spotify.authorise import Authorisation, parse_pasted
from mood_core.spotify.callback import CallbackServer, check_redirect_uri, code_of, parse_redirect
from tests.fuzz.hostile import TEXTS, check_sentence, damaged, fuzz, one_sentence, texts

_STATE = "the-right-state"
_GOOD = b"GET /callback?code=the-code&state=the-right-state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_LINES = st.sampled_from([
    b"GET /callback HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /callback?code=x HTTP/1.1\r\n\r\n", b"\r\n",
    b"GET http://evil/callback?code=x&state=y HTTP/1.1\r\n\r\n", b"GET /callback%3Fcode=x HTTP/1.1\r\n\r\n", b"",
    b"\x16\x03\x01",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET /callback HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"TRACE / HTTP/1.1\r\n\r\n", b"GET //callback?code=x HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[CallbackServer]:
    """A server that waits for an answer of the right state."""
    with CallbackServer("http://127.0.0.1/callback", _STATE) as running:
        yield running


def _say(port: int, request: bytes) -> bytes:
    """What the server answers, up to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        except (ConnectionError, BrokenPipeError):
            return b""
    return answer


@given(request=_LINES | damaged(_GOOD) | st.binary(max_size=200))
@fuzz(60)
def test_any_request(server: CallbackServer, capfd: pytest.CaptureFixture[str], request: bytes) -> None:
    port = int(server.redirect_uri.split(":")[2].partition("/")[0])
    answer = _say(port, request)
    assert b"the-right-state" not in answer
    assert b"the-code" not in answer
    reported = capfd.readouterr()
    assert reported.out + reported.err == ""


@given(query=texts | st.text("code=&stater%+;", max_size=60))
@example("code=" + "x" * 100_000 + "&state=y")
@example("&".join(f"f{n}=1" for n in range(5000)) + "&code=a")
@fuzz(100)
def test_any_query(query: str) -> None:
    redirect = parse_redirect(query)
    if redirect is not None:
        with one_sentence():
            assert code_of(redirect, _STATE) == redirect.code


@given(
    uri=texts | st.sampled_from(["http://[::1", "http://127.0.0.1:x/", "http://127.0.0.1:99999/", "http://[::1]:8888"])
)
@fuzz(100)
def test_any_redirect_uri(uri: str) -> None:
    with one_sentence():
        check_redirect_uri(uri)
        with CallbackServer(uri, _STATE):
            pass


@given(pasted=texts | st.sampled_from(TEXTS).map("http://127.0.0.1/callback?code={}".format))
@fuzz(100)
def test_anything_pasted(pasted: str) -> None:
    request = Authorisation("https://example.org", "http://127.0.0.1/callback", state=_STATE, verifier="v")
    try:
        assert parse_pasted(pasted, request)
    except MoodlogError as error:
        check_sentence(error.message)

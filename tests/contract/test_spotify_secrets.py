"""No token, code or secret is reported: not in any log record at DEBUG, not in any error, whatever goes wrong."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import spotipy
from pydantic import SecretStr

from mood_core.errors import MoodlogError, UnexpectedPayload
from mood_core.features.spotify import SpotifySource
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.authorise import begin, exchange, new_state
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.ports import SpotifyApp
from mood_core.spotify.session import SCOPE
from mood_core.spotify.tokens import TokenCipher
from tests.contract.spotify_fakes import MemoryTokens, Reply, Seen, app_at, serving, token

# Put together here, so that no line of source in a traceback holds them.
PLANTED = "planted".upper()
ACCESS, REFRESH, CODE, SECRET = (f"{PLANTED}-{name}" for name in ("access", "refresh", "code", "secret"))
NEXT, ROTATED = f"{PLANTED}-next", f"{PLANTED}-rotated"
BASIC = base64.b64encode(f"client-1:{SECRET}".encode()).decode()

Answer = Callable[[Seen], Reply]


def _good(seen: Seen) -> Reply:
    if seen.path == "/api/token":
        body = {"access_token": NEXT, "refresh_token": ROTATED, "expires_in": 3600, "scope": SCOPE}
        return Reply(body=body)
    return Reply(body={"id": "x", "items": []})


def _rejecting(seen: Seen) -> Reply:
    """Every access token is wrong, and the message repeats it."""
    if seen.path == "/api/token":
        return _good(seen)
    return Reply(401, {"error": {"status": 401, "message": f"Bad {seen.headers['Authorization']}"}})


def _echoing(status: int) -> Answer:
    """Everything that was sent comes back in the error."""

    def answer(seen: Seen) -> Reply:
        reported = f"{seen.headers.get('Authorization')} {seen.form} {seen.query}"
        if seen.path == "/api/token":
            return Reply(status, {"error": "invalid_grant", "error_description": reported})
        return Reply(status, {"error": {"status": status, "message": reported}})

    return answer


def _truncated(seen: Seen) -> Reply:
    """Half an answer, with tokens in it."""
    whole = _good(seen).as_bytes()
    return Reply(body=whole[:-3])


def _telling(seen: Seen) -> Reply:
    """What was sent comes back where it would be kept: as a title, and in features that fit nothing."""
    reported = seen.headers["Authorization"]
    track = {
        "id": "4uLU6hMCjMI75M1A2tKUQC",
        "name": reported,
        "artists": [{"name": reported}],
        "type": "track",
        "is_local": False,
    }
    item = {"played_at": "2026-11-20T12:00:00Z", "track": track}
    return Reply(body={"items": [item], "audio_features": [{"reported": reported}]})


def _cut(seen: Seen) -> Reply:
    return Reply(body=_good(seen).body, cut=30)


def _use(app: SpotifyApp) -> list[MoodlogError]:
    """Everything that sends a secret: a code's exchange, a refresh, and a call."""
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    store_new_token("person", token(ACCESS, REFRESH, of=app), tokens, cipher)
    store_new_token("tired", token(ACCESS, REFRESH, lives=timedelta(0), of=app), tokens, cipher)
    failures: list[MoodlogError] = []
    with SpotifyClients(app, tokens, cipher, retry=RetryPolicy(sleep=lambda _: None)) as clients:
        request = begin(app, app.redirect_uri, new_state())
        for use in (
            lambda: exchange(request, CODE, clients.token_service),
            clients.for_user("person").recently_played,
            clients.for_user("tired").profile,
        ):
            try:
                use()
            except MoodlogError as error:
                failures.append(error)
    return failures


class Keeper(logging.Handler):
    """Keeps every record, formatted with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record) + repr(record.args))


@pytest.fixture
def logs() -> Iterator[list[str]]:
    """Every record at DEBUG, with every logger turned up."""
    keeper = Keeper()
    root = logging.getLogger()
    before = root.level
    names = [
        "spotipy",
        "spotipy.client",
        "spotipy.oauth2",
        "spotipy.cache_handler",
        "urllib3",
        "urllib3.connectionpool",
    ]
    for name in names:
        for one in list(logging.getLogger(name).filters):
            logging.getLogger(name).removeFilter(one)
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield keeper.kept
    root.removeHandler(keeper)
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize(
    "answer",
    [_good, _rejecting, _truncated, _cut, *(_echoing(status) for status in (400, 401, 403, 404, 429, 500))],
)
def test_nothing_planted_is_reported(logs: list[str], answer: Answer, secret: str | None) -> None:
    with serving(answer=answer) as server:
        failures = _use(app_at(server.url, client_secret=SecretStr(secret) if secret else None))
    reported = "\n".join(
        [*logs, *("".join(traceback.format_exception(failure)) + repr(vars(failure)) for failure in failures)]
    )
    assert server.seen
    assert PLANTED not in reported
    assert BASIC not in reported
    assert any("urllib3" in line for line in logs)  # the handler does see what there is


def test_an_echoed_token_is_not_kept_as_a_title_nor_in_a_quarantined_response(logs: list[str]) -> None:
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    with serving(answer=_telling) as server, SpotifyClients(app_at(server.url), tokens, cipher) as clients:
        store_new_token("person", token(ACCESS, REFRESH, of=app_at(server.url)), tokens, cipher)
        window = clients.for_user("person").recently_played()
        source = SpotifySource(clients.for_user("person").audio_features)
        with pytest.raises(UnexpectedPayload) as refused:
            source.fetch(window.tracks, datetime(2026, 11, 20, tzinfo=UTC))
    assert [track.name for track in window.tracks] == ["Bearer …"]
    assert "reported" in refused.value.excerpt
    assert PLANTED not in "\n".join([*logs, repr(window), repr(vars(refused.value))])


@pytest.mark.parametrize("secret", [None, SECRET])
def test_each_client_is_quiet_by_itself(logs: list[str], secret: str | None) -> None:
    with serving(answer=_good) as server:
        app = app_at(server.url, client_secret=SecretStr(secret) if secret else None)
        tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
        with SpotifyClients(app, tokens, cipher) as clients:
            clients.for_token(token(ACCESS, REFRESH)).profile()
        assert PLANTED not in "\n".join(logs)
        with SpotifyClients(app, tokens, cipher) as clients:
            exchange(begin(app, app.redirect_uri, new_state()), CODE, clients.token_service)
        assert PLANTED not in "\n".join(logs)
    assert len(server.seen) == 2


def test_spotipy_alone_would_log_secrets(logs: list[str]) -> None:
    """The filter is what keeps it quiet: without it the token is in the log."""
    with serving(Reply(body={"id": "x"})) as server:
        client = spotipy.Spotify(auth=ACCESS)
        client.prefix = f"{server.url}/"
        client.me()
    assert any(ACCESS in line for line in logs)


def test_representations_hide_secrets() -> None:
    app = app_at("http://127.0.0.1:1", client_secret=SecretStr(SECRET))
    assert PLANTED not in f"{app!r} {app} {token('PLANTED-access', 'PLANTED-refresh')!r}"

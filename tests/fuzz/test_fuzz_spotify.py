"""Whatever Spotify answers, in whatever way: a sentence or counted records, and all that is kept can be stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Track
from mood_core.errors import MoodlogError
from mood_core.http.retry import RetryPolicy
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS, USERS
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.authorise import begin, exchange, new_state
from mood_core.spotify.client import SpotifyClient, SpotifyClients
from mood_core.spotify.failures import ServiceResponse, api_failure, token_failure
from mood_core.spotify.payloads import parse_window
from mood_core.spotify.tokens import TokenCipher
from mood_core.store import Database
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.pull_listens import PullListens
from mood_core.usecases.upkeep.verify_lake import verify
from tests.contract.spotify_fakes import MemoryTokens, Reply, Seen, app_at, serving, token
from tests.fuzz.hostile import as_json, bodies, check_sentence, corrupted, fuzz, one_sentence, texts
from tests.store_data import users

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TRACK: dict[str, Any] = {
    "type": "track", "id": "11dFghVXANMlKmJXsNCbNl", "uri": "spotify:track:11dFghVXANMlKmJXsNCbNl", "name": "Title",
    "artists": [{"name": "Artist"}], "album": {"name": "Album", "release_date": "2017-05-26"}, "duration_ms": 207_959,
    "external_ids": {"isrc": "USUM71703861"}, "is_local": False,
}  # fmt: skip
_LOCAL = {**_TRACK, "id": None, "uri": "spotify:local:Artist:Album:Title:207", "is_local": True}
WINDOW: dict[str, Any] = {
    "items": [
        {"track": _TRACK, "played_at": "2026-11-20T10:00:00.123Z", "context": None},
        {"track": {**_TRACK, "id": "2takcwOaAZWiXQijPHIx7B"}, "played_at": "2026-11-20T09:00:00Z"},
        {"track": _LOCAL, "played_at": "2026-11-20T08:00:00Z"},
    ],
    "next": "https://api.spotify.com/v1/me/player/recently-played?before=1",
    "limit": 50,
}
_FEATURES = dict.fromkeys(
    ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence"), 0.5
)
VALID = {
    "me": {"account_id": "ada", "id": "ada", "display_name": "Ada", "product": "premium"},
    "me/player/recently-played": WINDOW,
    "tracks/11dFghVXANMlKmJXsNCbNl": _TRACK,
    "audio-features": {"audio_features": [{"id": _TRACK["id"], "loudness": -9.0, "tempo": 120.0, **_FEATURES}, None]},
    "playlists/p/items": {"items": [{"item": _TRACK}, {"item": {"type": "episode"}}], "next": None, "total": 2},
}
TOKEN = {"access_token": "new", "refresh_token": "newer", "expires_in": 3600, "scope": "user-read-recently-played"}
ERRORS: list[Any] = [
    {"error": {"status": 400, "message": "Only valid bearer authentication supported"}},
    {"error": "invalid_grant", "error_description": "Refresh token revoked"},
    {"error": {"status": 429, "message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED"}},
]
statuses = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 408, 410, 418, 429, 500, 503, 599])
header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
retry_afters = st.sampled_from(["0", "1", "-5", "1e400", "nan", "99999999999", "Wed, 21 Oct 2099 07:28:00 GMT"])


@dataclass
class Service:
    """A server whose every answer is what ``reply`` is now."""

    reply: Reply = field(default_factory=Reply)

    def answer(self, _: Seen) -> Reply:
        return self.reply


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Service, str]]:
    """A server whose response can be set, and its address."""
    played = Service()
    with serving(answer=played.answer) as server:
        yield played, server.url


def _clients(url: str, tokens: MemoryTokens | None = None) -> SpotifyClients:
    cipher = TokenCipher([TokenCipher.generate_key()])
    tokens = tokens or MemoryTokens()
    store_new_token("ada", token(of=app_at(url)), tokens, cipher)
    return SpotifyClients(app_at(url), tokens, cipher, retry=RetryPolicy(sleep=lambda _: None))


def _ask(client: SpotifyClient, endpoint: str) -> object:
    match endpoint:
        case "me":
            return client.profile()
        case "me/player/recently-played":
            return client.recently_played()
        case "audio-features":
            return client.audio_features([str(_TRACK["id"]), "2takcwOaAZWiXQijPHIx7B"])
        case "playlists/p/items":
            return list(client.playlist_items("p"))
    return client.track(str(_TRACK["id"]))


@pytest.mark.parametrize("endpoint", VALID)
@given(data=st.data(), status=statuses, retry_after=st.none() | retry_afters | header_texts)
@fuzz(40)
def test_any_answer_of_the_web_api(
    service: tuple[Service, str], endpoint: str, data: st.DataObject, status: int, retry_after: str | None
) -> None:
    played, url = service
    body = data.draw(bodies(VALID[endpoint]) | st.sampled_from(ERRORS).flatmap(bodies))
    played.reply = Reply(status=status, body=body, headers={"Retry-After": retry_after} if retry_after else {})
    with _clients(url) as clients, one_sentence():
        _ask(clients.for_token(token()), endpoint)


@given(body=bodies(TOKEN) | st.sampled_from(ERRORS).flatmap(bodies), status=statuses)
@fuzz(60)
def test_any_answer_of_the_token_endpoint(service: tuple[Service, str], body: bytes, status: int) -> None:
    played, url = service
    played.reply = Reply(status=status, body=body)
    tokens = MemoryTokens()
    cipher = TokenCipher([TokenCipher.generate_key()])
    app = app_at(url)
    store_new_token("ada", token(lives=timedelta(seconds=-1), of=app), tokens, cipher)
    before = tokens.read("ada")
    with SpotifyClients(app, tokens, cipher, retry=RetryPolicy(sleep=lambda _: None)) as clients:
        with one_sentence():
            exchange(begin(app, app.redirect_uri, new_state()), "code", clients.token_service)
        with one_sentence():
            clients.for_user("ada").profile()
    kept = tokens.read("ada")
    assert kept is not None
    if kept != before:  # only a whole token ever takes the place of the one that works
        fresh = json.loads(cipher.decrypt(kept.ciphertext))
        assert fresh["access_token"]
        assert fresh["refresh_token"]


@given(status=st.integers(100, 599), body=bodies(ERRORS[2]).map(lambda b: b.decode("utf-8", "replace")), header=texts)
@fuzz(200)
def test_any_failure_is_reported_in_one_sentence(status: int, body: str, header: str) -> None:
    answer = ServiceResponse("GET /v1/me", status, body, {"Retry-After": header}, now=NOW)
    for failure in (api_failure(answer), token_failure(answer)):
        if failure is not None:
            check_sentence(failure.message)


@dataclass
class OneWindow:
    """A client that shows one window."""

    window: ListenWindow | MoodlogError

    def recently_played(self) -> ListenWindow:
        if isinstance(self.window, MoodlogError):
            raise self.window
        return self.window


_NUMBERS = count()


@given(payload=corrupted(WINDOW, most=4))
@example({"items": [{"track": _TRACK, "played_at": "1969-12-31T23:00:00Z"}]})
@example({"items": [{"track": _TRACK, "played_at": "9999-12-31T23:59:59Z"}]})
@example({"items": [{"track": {**_TRACK, "duration_ms": 0}, "played_at": "2026-11-20T10:00:00Z"}]})
@fuzz(20)
def test_whatever_is_read_can_be_stored(migrated: Database, tmp_path: Path, payload: Any) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    batches = Batches(lake, migrated)
    ada = f"ada {next(_NUMBERS)}"  # a window of a person is compared with the one before
    batches.add(USERS, users((ada, "Europe/Berlin")), now=NOW)
    try:
        window: ListenWindow | MoodlogError = parse_window(json.loads(as_json(payload)), ada)
    except MoodlogError as error:
        window = error
    pull = PullListens(lambda _: OneWindow(window), ListenStore(migrated), Accounts(migrated), batches)
    outcome = pull([ada], now=NOW)[0]
    if outcome.problem is not None:
        check_sentence(outcome.problem)
    else:
        assert isinstance(window, ListenWindow)
        since = min((listen.played_at for listen in window.listens), default=NOW)
        stored = {(play.played_at, play.track_id) for play, _ in ListenStore(migrated).plays_since(ada, since)}
        assert {(listen.played_at, listen.track_id) for listen in window.listens} <= stored
    assert batches.finish(now=NOW) == 0
    assert not verify(lake, migrated, now=NOW).findings


@given(track=st.builds(Track, track_id=st.just("t"), name=texts, artists=st.lists(texts, max_size=2).map(tuple)))
@fuzz(20)
def test_a_track_that_no_parser_saw_stops_before_the_lake(migrated: Database, tmp_path: Path, track: Track) -> None:
    batches = Batches(open_lake(str(tmp_path)), migrated)
    with one_sentence():
        batches.add(TRACKS, to_table(TRACKS, [track]), now=NOW)

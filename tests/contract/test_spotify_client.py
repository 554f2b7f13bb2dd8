"""The Web API client over real HTTP: against the stand-in, and against scripted answers where that has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mood_core.domain.listen_window import SkippedItem, SkipReason
from mood_core.domain.records import Track, TrackKind
from mood_core.errors import (
    AccessDenied,
    InputError,
    NotFound,
    QuotaExceeded,
    RateLimited,
    ReauthorisationNeeded,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.client import SpotifyClient, SpotifyClients
from mood_core.spotify.tokens import Token, TokenCipher
from standin import Fault, StandIn
from tests.contract.spotify_fakes import MemoryTokens, NotingLedger, Reply, Seen, app_at, scripted, serving

START = datetime(2026, 11, 20, 18, tzinfo=UTC)


class World:
    """A stand-in with one person connected, and everything that happens on the way there."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.waits: list[float] = []
        self.ledger = NotingLedger()
        self.tokens = MemoryTokens()
        self.cipher = TokenCipher([TokenCipher.generate_key()])
        self.app = app_at(standin.spotify_api_url, standin.accounts_url, client_id="demo")
        self.clients = SpotifyClients(
            self.app,
            self.tokens,
            self.cipher,
            ledger=self.ledger,
            retry=RetryPolicy(sleep=self.waits.append),
            clock=standin.clock.now,
        )
        self.person = standin.listeners[0]
        self.connect(self.person.account_id)

    def connect(self, account_id: str, **changes: Any) -> None:
        answer = self.standin.issue_tokens(account_id, **changes)
        now = self.standin.clock.now()
        ends = now + timedelta(hours=1)
        fresh = Token(answer["access_token"], answer["refresh_token"], ends, answer["scope"], now, self.app.issuer)
        store_new_token(account_id, fresh, self.tokens, self.cipher)

    @property
    def client(self) -> SpotifyClient:
        return self.clients.for_user(self.person.account_id)


@pytest.fixture
def world() -> Iterator[World]:
    with StandIn(seed=3, catalogue_size=400, listeners=3, now=START, frozen=True) as standin:
        made = World(standin)
        with made.clients:
            yield made


@pytest.fixture
def extended() -> Iterator[World]:
    with StandIn(seed=3, catalogue_size=400, listeners=1, now=START, frozen=True, audio_features=True) as standin:
        made = World(standin)
        with made.clients:
            yield made


def test_a_profile_says_whose_account_it_is(world: World) -> None:
    profile = world.client.profile()
    assert (profile.account_id, profile.display_name) == (world.person.account_id, world.person.display_name)


def test_the_window_is_the_truth_of_the_last_fifty(world: World) -> None:
    window = world.client.recently_played()
    truth = world.standin.truth(world.person.listener_id, START - timedelta(days=30), START)
    newest = {(listen.played_at, listen.track_id) for listen in truth[-80:]}
    assert len(window.listens) == 50
    assert window.full
    assert {(listen.played_at, listen.track_id) for listen in window.listens} <= newest
    assert list(window.listens) == sorted(window.listens, key=lambda listen: listen.played_at)
    assert {listen.user_id for listen in window.listens} == {world.person.account_id}


def test_the_whole_window_is_asked_for_without_a_cursor(world: World) -> None:
    world.client.recently_played()
    (call,) = world.standin.calls.entries("recently_played")
    assert call.query == "limit=50"
    assert call.user_agent == "moodlog"


def test_a_track_and_an_unknown_one(world: World) -> None:
    heard = next(track for track in world.client.recently_played().tracks if track.kind is TrackKind.TRACK)
    assert world.client.track(heard.track_id) == heard
    assert world.client.track("0" * 22) is None


@pytest.mark.parametrize("wrong", ["", "spotify:local:a:b:c:1", "a/b", "../me", "a b", "ü"])
def test_what_is_no_id_is_not_sent(world: World, wrong: str) -> None:
    for ask in (world.client.track, lambda one: world.client.audio_features([one]), world.client.playlist_items):
        with pytest.raises(InputError, match="id"):
            ask(wrong)
    assert world.standin.calls.count() == 0


def test_features_are_denied_to_most_apps(world: World) -> None:
    with pytest.raises(AccessDenied, match="MOODLOG_FEATURE_SOURCES"):
        world.client.audio_features(["0" * 22])


def test_features_in_the_order_of_the_ids(extended: World) -> None:
    known = [track.track_id for track in extended.client.recently_played().tracks if track.kind is TrackKind.TRACK][:3]
    features = extended.client.audio_features([known[0], "0" * 22, *known[1:]])
    assert [entry and entry["id"] for entry in features] == [known[0], None, *known[1:]]
    assert extended.ledger.before.count("audio-features") == 1


def test_features_of_none_need_no_call_and_of_too_many_are_refused(extended: World) -> None:
    assert extended.client.audio_features([]) == []
    with pytest.raises(InputError, match="100"):
        extended.client.audio_features(["a" * 22] * 101)
    assert extended.standin.calls.count() == 0


def test_a_playlist_comes_whole_and_in_order(world: World) -> None:
    playlist = max(world.standin.playlists, key=lambda one: len(one.songs))
    items = list(world.client.playlist_items(playlist.playlist_id))
    assert len(items) == len(playlist.songs) > 50
    assert all(isinstance(item, Track) for item in items)
    assert set(world.ledger.before) == {"playlists/{id}/items"}


def test_a_playlist_by_its_older_address() -> None:
    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/items"):
            return Reply(403, {"error": {"status": 403, "message": "Forbidden"}})
        entries = [{"track": {"id": f"t{number}", "name": "n", "type": "track"}} for number in range(120)]
        start = int(seen.query["offset"])
        following = "https://api.spotify.com/v1/elsewhere" if start + 50 < 120 else None
        return Reply(body={"items": entries[start : start + 50], "next": following, "total": 120})

    with serving(answer=answer) as server:
        items = list(scripted(server.url).playlist_items("list"))
    assert [item.track_id for item in items if isinstance(item, Track)] == [f"t{number}" for number in range(120)]
    assert [seen.path for seen in server.seen] == ["/playlists/list/items", *["/playlists/list/tracks"] * 3]


def test_a_playlist_that_is_nowhere_is_not_found() -> None:
    with serving(Reply(404, {})) as server, pytest.raises(NotFound):
        list(scripted(server.url).playlist_items("list"))


def test_the_fallback_is_for_the_first_page_alone() -> None:
    page = Reply(body={"items": [{"item": {"id": "a"}}], "next": "x"})
    with serving(page, Reply(403, {})) as server, pytest.raises(AccessDenied):
        list(scripted(server.url).playlist_items("list"))
    assert [seen.path for seen in server.seen] == ["/playlists/list/items"] * 2


@pytest.mark.parametrize("kind", ["server_error", "cut_before_answer", "cut_mid_body"])
def test_a_short_failure_is_repeated(world: World, kind: str) -> None:
    world.standin.faults.add(Fault(kind, endpoint="recently_played", times=2))
    assert len(world.client.recently_played().listens) == 50
    assert world.standin.calls.count("recently_played") == 3
    assert len(world.waits) == 2


@pytest.mark.parametrize("kind", ["server_error", "cut_before_answer", "cut_mid_body"])
def test_a_lasting_failure_ends_after_a_few_tries(world: World, kind: str) -> None:
    world.standin.faults.add(Fault(kind, endpoint="recently_played", times=None))
    with pytest.raises(Unavailable):
        world.client.recently_played()
    assert world.standin.calls.count("recently_played") == 4
    assert sum(world.waits) < 30


def test_a_short_rate_limit_is_waited_out(world: World) -> None:
    world.standin.faults.add(Fault("rate_limited", endpoint="recently_played", retry_after_s=3))
    assert len(world.client.recently_played().listens) == 50
    (wait,) = world.waits
    assert 3 <= wait < 5
    assert world.ledger.after == [("me/player/recently-played", 429, 3.0), ("me/player/recently-played", 200, None)]


def test_rate_limits_are_waited_out_for_two_minutes_at_most(world: World) -> None:
    world.standin.faults.add(Fault("rate_limited", endpoint="recently_played", retry_after_s=55, times=None))
    with pytest.raises(RateLimited):
        world.client.recently_played()
    assert len(world.waits) == 2
    assert sum(world.waits) <= 120


@pytest.mark.parametrize(
    ("retry_after_s", "reason", "wait_s"), [(61, None, 61), (40_000, None, 40_000), (1, "QUOTA_EXCEEDED", 61)]
)
def test_a_used_up_quota_is_never_waited_for(
    world: World, retry_after_s: int, reason: str | None, wait_s: float
) -> None:
    world.standin.faults.add(Fault("rate_limited", retry_after_s=retry_after_s, reason=reason, times=None))
    with pytest.raises(QuotaExceeded) as caught:
        world.client.recently_played()
    assert caught.value.retry_after_s == wait_s
    assert world.waits == []
    assert world.ledger.after == [("me/player/recently-played", 429, wait_s)]


def test_a_ledger_that_refuses_keeps_the_request_at_home(world: World) -> None:
    world.ledger.budget = 1
    client = world.client
    client.recently_played()
    with pytest.raises(QuotaExceeded, match="budget"):
        client.recently_played()
    assert world.standin.calls.count() == 1


def test_repeated_tries_are_counted_too(world: World) -> None:
    world.standin.faults.add(Fault("cut_before_answer", endpoint="me"), Fault("server_error", endpoint="me"))
    world.client.profile()
    assert world.ledger.before == ["me"] * 3
    assert world.ledger.after == [("me", 0, None), ("me", 503, None), ("me", 200, None)]


@pytest.mark.parametrize("kind", ["malformed_json", "wrong_shape", "empty_body"])
def test_an_invalid_response_is_unexpected_and_not_repeated(world: World, kind: str) -> None:
    world.standin.faults.add(Fault(kind, endpoint="recently_played", times=None))
    with pytest.raises(UnexpectedPayload):
        world.client.recently_played()
    assert world.standin.calls.count("recently_played") == 1


@pytest.mark.parametrize(
    ("kind", "reason"), [("null_track", SkipReason.NO_TRACK), ("episode_item", SkipReason.EPISODE)]
)
def test_an_invalid_item_is_skipped(world: World, kind: str, reason: SkipReason) -> None:
    world.standin.faults.add(Fault(kind, endpoint="recently_played"))
    window = world.client.recently_played()
    assert [skipped.reason for skipped in window.skipped] == [reason]
    assert len(window.listens) == 49
    assert window.full


def test_an_access_token_that_is_not_accepted_is_renewed_once(world: World) -> None:
    world.standin.faults.add(Fault("unauthorized", endpoint="recently_played"))
    assert len(world.client.recently_played().listens) == 50
    assert world.ledger.before == ["me/player/recently-played", "token", "me/player/recently-played"]


def test_a_renewed_token_that_is_not_accepted_either_ends_it(world: World) -> None:
    world.standin.faults.add(Fault("unauthorized", endpoint="recently_played", times=None))
    with pytest.raises(ReauthorisationNeeded, match="reconnect"):
        world.client.recently_played()
    assert world.standin.calls.count("token") == 1
    assert world.standin.calls.count("recently_played") == 2


def test_a_revoked_permission_is_marked_and_the_others_go_on(world: World) -> None:
    other = world.standin.listeners[1]
    world.connect(other.account_id)
    world.standin.revoke(world.person.listener_id)
    with pytest.raises(ReauthorisationNeeded, match="reconnect"):
        world.client.recently_played()
    assert list(world.tokens.marked) == [world.person.account_id]
    assert world.clients.for_user(other.account_id).recently_played().listens


def test_a_missing_scope_is_reported_with_its_remedy(world: World) -> None:
    world.connect(world.person.account_id, scope="user-read-email")
    with pytest.raises(AccessDenied, match="reconnect"):
        world.client.recently_played()


def test_an_account_that_was_never_connected(world: World) -> None:
    with pytest.raises(ReauthorisationNeeded, match="moodlog connect"):
        world.clients.for_user("nobody").profile()


def test_a_client_of_a_fresh_token_asks_without_the_repository(world: World) -> None:
    answer = world.standin.issue_tokens(world.standin.listeners[1].account_id)
    fresh = Token(answer["access_token"], "", START + timedelta(hours=1), "", START)
    assert world.clients.for_token(fresh).profile().account_id == world.standin.listeners[1].account_id
    world.standin.faults.add(Fault("unauthorized"))
    with pytest.raises(ReauthorisationNeeded, match="moodlog connect"):
        world.clients.for_token(fresh).profile()


def test_the_paths_are_those_of_the_api_description() -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(body={"id": "x", "items": [], "audio_features": [None], "limit": seen.query.get("limit")})

    with serving(answer=answer) as server:
        client = scripted(f"{server.url}/v1/")
        client.profile()
        client.recently_played()
        client.track("x")
        client.audio_features(["x"])
        list(client.playlist_items("x"))
    assert [seen.path for seen in server.seen] == [
        "/v1/me",
        "/v1/me/player/recently-played",
        "/v1/tracks/x",
        "/v1/audio-features",
        "/v1/playlists/x/items",
    ]
    assert server.seen[1].query == {"limit": "50"}
    assert server.seen[3].query == {"ids": "x"}
    assert {seen.headers["Authorization"] for seen in server.seen} == {"Bearer access-1"}


def test_skipped_items_say_where_they_were(world: World) -> None:
    world.standin.faults.add(Fault("null_track", endpoint="playlist_items"))
    playlist = world.standin.playlists[0]
    items = list(world.client.playlist_items(playlist.playlist_id))
    assert items[0] == SkippedItem(SkipReason.NO_TRACK, 0)

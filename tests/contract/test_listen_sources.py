"""One suite that every source of listens passes: Spotify, ListenBrainz and Last.fm over HTTP, with faults.

A new source joins by one function in ``RIGS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from mood_core.domain.listen_window import HistoryClient, ListenClient, ListenWindow
from mood_core.domain.records import Service
from mood_core.errors import ReauthorisationNeeded, SourceError, Unavailable, UnexpectedPayload
from mood_core.http.json_service import RETRY, JsonService
from mood_core.http.retry import RetryPolicy
from mood_core.scrobbles import lastfm, listenbrainz
from mood_core.scrobbles.lastfm import LastFmClient
from mood_core.scrobbles.listenbrainz import ListenBrainzClient
from mood_core.scrobbles.login import Login
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.tokens import TokenCipher
from standin import Fault, FaultKind, StandIn
from tests.contract.spotify_fakes import MemoryTokens, Reply, app_at, serving, token

SECRET = "s3cret-of-the-account"
NO_WAIT = RetryPolicy(sleep=lambda _: None)


@dataclass
class Rig:
    """A client of one listener's listens at the stand-in."""

    client: ListenClient
    standin: StandIn
    endpoint: str
    secret: str


def spotify(standin: StandIn, stack: ExitStack) -> Rig:
    issued = standin.issue_tokens(standin.listeners[0].account_id)
    clients = SpotifyClients(
        app_at(standin.spotify_api_url, standin.accounts_url),
        MemoryTokens(),
        TokenCipher([TokenCipher.generate_key()]),
        retry=NO_WAIT,
    )
    client = stack.enter_context(clients).for_token(token(issued["access_token"], issued["refresh_token"]))
    return Rig(client, standin, "recently_played", issued["access_token"])


def from_listenbrainz(standin: StandIn, stack: ExitStack) -> Rig:
    name = standin.listeners[0].listener_id
    http = stack.enter_context(_http("ListenBrainz", standin.listenbrainz_url))
    login = Login(name, SecretStr(f"token-{name}"), standin.base_url)
    client = ListenBrainzClient(name, login, http, standin.clock.now, lambda _: None)
    return Rig(client, standin, "listenbrainz_listens", f"token-{name}")


def from_lastfm(standin: StandIn, stack: ExitStack) -> Rig:
    name = standin.listeners[0].listener_id
    http = stack.enter_context(_http("Last.fm", standin.lastfm_url))
    client = LastFmClient(name, Login(name, None, standin.base_url), http, SecretStr("lastfm-key"), standin.clock.now)
    return Rig(client, standin, "lastfm_recent_tracks", "lastfm-key")


def _http(name: str, url: str) -> JsonService:
    failure = listenbrainz.failure if name == "ListenBrainz" else lastfm.failure
    return JsonService(name, url, "SETTING", retry=replace(RETRY, sleep=lambda _: None), failure=failure)


RIGS = (spotify, from_listenbrainz, from_lastfm)
HISTORIES = (from_listenbrainz, from_lastfm)
Build = Callable[[StandIn, ExitStack], Rig]


@pytest.fixture
def rig(request: pytest.FixtureRequest, standin: StandIn) -> Iterator[Rig]:
    build: Build = request.param
    with ExitStack() as stack:
        yield build(standin, stack)


EVERY = pytest.mark.parametrize("rig", RIGS, indirect=True)
EVERY_HISTORY = pytest.mark.parametrize("rig", HISTORIES, indirect=True)


@EVERY
def test_a_window_is_whole_and_in_order(rig: Rig) -> None:
    window = rig.client.recently_played()
    assert window.times
    played = [listen.played_at for listen in window.listens]
    assert played == sorted(played)
    assert [play.at for play in window.named] == sorted(play.at for play in window.named)
    assert len({(listen.played_at, listen.track_id) for listen in window.listens}) == len(window.listens)
    assert {listen.track_id for listen in window.listens} == {track.track_id for track in window.tracks}
    assert all(track.name and track.artists for track in window.tracks)
    assert all(at.utcoffset() == timedelta(0) and at <= rig.standin.clock.now() for at in window.times)
    sources = {listen.source for listen in window.listens} | {play.source for play in window.named}
    assert len(sources) == 1
    assert window.oldest_at == min(window.times)
    assert rig.client.recently_played() == window, "the same question has the same answer"


@EVERY
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.SERVER_ERROR, times=None), Unavailable),
        (Fault(FaultKind.CUT_BEFORE_ANSWER, times=None), Unavailable),
        (Fault(FaultKind.CUT_MID_BODY, times=None), SourceError),
        (Fault(FaultKind.MALFORMED_JSON, times=None), UnexpectedPayload),
        (Fault(FaultKind.EMPTY_BODY, times=None), UnexpectedPayload),
        (Fault(FaultKind.WRONG_SHAPE, times=None, body="[]"), UnexpectedPayload),
        (Fault(FaultKind.WRONG_SHAPE, times=None, body="[" * 100_000), UnexpectedPayload),
        (Fault(FaultKind.RATE_LIMITED, times=None, retry_after_s=7_200), SourceError),
    ],
    ids=lambda each: f"{each.kind}" if isinstance(each, Fault) else "",
)
def test_a_failure_is_an_error_of_the_tree_without_the_secret(rig: Rig, fault: Fault, error: type[SourceError]) -> None:
    rig.standin.faults.add(replace(fault, endpoint=rig.endpoint))
    with pytest.raises(error) as raised:
        rig.client.recently_played()
    shown = f"{raised.value!r} {raised.value.message} {getattr(raised.value, 'excerpt', '')}"
    assert rig.secret not in shown
    if fault.kind is FaultKind.RATE_LIMITED:
        assert getattr(raised.value, "retry_after_s", 0) >= 7_200
        assert rig.standin.calls.count(rig.endpoint) == 1, "a long wait is not waited for, and not ignored"


@EVERY
@pytest.mark.parametrize("kind", [FaultKind.SERVER_ERROR, FaultKind.CUT_BEFORE_ANSWER, FaultKind.CUT_MID_BODY])
def test_one_failure_is_retried(rig: Rig, kind: FaultKind) -> None:
    expected = rig.client.recently_played()
    rig.standin.faults.add(Fault(kind, endpoint=rig.endpoint, times=1))
    assert rig.client.recently_played() == expected


@EVERY
def test_the_secret_is_in_no_url(rig: Rig) -> None:
    rig.client.recently_played()
    assert all(rig.secret not in f"{call.path}?{call.query}" for call in rig.standin.calls.entries(None, None))


@pytest.mark.parametrize("rig", [spotify, from_listenbrainz], indirect=True)
def test_a_refused_permission_needs_a_person(rig: Rig) -> None:
    rig.standin.faults.add(Fault(FaultKind.UNAUTHORIZED, endpoint=rig.endpoint, times=None))
    with pytest.raises(ReauthorisationNeeded):
        rig.client.recently_played()


@EVERY_HISTORY
def test_pages_are_disjoint_and_the_whole(rig: Rig) -> None:
    listener, count = rig.standin.listeners[0].listener_id, 1_234
    rig.standin.histories.give(listener, count)
    assert isinstance(rig.client, HistoryClient)
    windows = [rig.client.recently_played()]
    while windows[-1].full:
        assert windows[-1].next_before is not None
        windows.append(rig.client.played_before(windows[-1].next_before))
    seconds = [at for window in windows for at in window.times]
    assert (len(seconds), len(set(seconds))) == (count, count)
    assert seconds == [at for window in windows for at in _in_order(window)]
    assert [max(window.times) for window in windows] == sorted((max(w.times) for w in windows), reverse=True)


def _in_order(window: ListenWindow) -> list[datetime]:
    return [*(listen.played_at for listen in window.listens), *(play.at for play in window.named)]


@EVERY_HISTORY
def test_an_empty_history_is_no_error(rig: Rig) -> None:
    rig.standin.histories.given[rig.standin.listeners[0].listener_id] = []
    window = rig.client.recently_played()
    assert (window.times, window.full, window.next_before) == ([], False, None)


@EVERY_HISTORY
def test_a_page_that_leads_no_further_back_is_an_error(rig: Rig) -> None:
    """A service that ignores the time of the request would be asked for ever."""
    rig.standin.histories.give(rig.standin.listeners[0].listener_id, 1_234)
    assert isinstance(rig.client, HistoryClient)
    window = rig.client.recently_played()
    page = {
        "listenbrainz_listens": '{"payload": {"listens": [], "oldest_listen_ts": 1}}',
        "lastfm_recent_tracks": '{"recenttracks": {"track": [], "@attr": {"totalPages": "3"}}}',
    }[rig.endpoint]
    rig.standin.faults.add(Fault(FaultKind.WRONG_SHAPE, endpoint=rig.endpoint, times=None, body=page))
    assert window.next_before is not None
    with pytest.raises(UnexpectedPayload, match="older listens exist"):
        rig.client.played_before(window.next_before)


# What the public descriptions of both services say, as requests and responses.

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LISTEN = {
    "inserted_at": 1_763_635_000,
    "listened_at": 1_763_630_000,
    "recording_msid": "d23f4719-9212-49f0-ad08-ddbfbfc50d6f",
    "user_name": "ada",
    "track_metadata": {
        "artist_name": "Rick Astley",
        "track_name": "Never Gonna Give You Up",
        "release_name": "Whenever you need somebody",
        "additional_info": {
            "media_player": "Rhythmbox",
            "submission_client": "Rhythmbox ListenBrainz Plugin",
            "duration_ms": 222_000,
            "isrc": "GBARL9300135",
            "spotify_id": "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC",
            "recording_mbid": "98255a8c-017a-4bc7-8dd6-1fa36124572b",
        },
        "mbid_mapping": {"recording_mbid": "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae", "artist_mbids": [], "caa_id": 1},
    },
}


def test_listenbrainz_is_asked_and_read_as_it_is_described() -> None:
    names_only = {"listened_at": 1_763_620_000, "track_metadata": {"artist_name": "A", "track_name": "T"}}
    mapped = {**names_only["track_metadata"], "mbid_mapping": LISTEN["track_metadata"]["mbid_mapping"]}  # type: ignore[dict-item,index]
    rows = [LISTEN, names_only, {"listened_at": 1_763_610_000, "track_metadata": mapped}]
    payload = {"payload": {"count": 3, "listens": rows, "latest_listen_ts": 1, "oldest_listen_ts": 1_763_610_000}}
    with serving(Reply(body=payload)) as server, _http("ListenBrainz", server.url) as http:
        login = Login("ada lovelace", SecretStr(SECRET), server.url)
        window = ListenBrainzClient("ada", login, http, lambda: AT, lambda _: None).played_before(AT)
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/1/user/ada%20lovelace/listens")
    assert seen.query == {"count": "1000", "max_ts": str(int(AT.timestamp()))}
    assert seen.headers["Authorization"] == f"Token {SECRET}"
    (listen,), (track,) = window.listens, window.tracks
    assert (listen.played_at.timestamp(), listen.track_id) == (1_763_630_000, "4uLU6hMCjMI75M1A2tKUQC")
    assert (track.isrc, track.duration_ms) == ("GBARL9300135", 222_000)
    assert [play.recording_mbid for play in window.named] == ["8f3471b5-7e6a-48da-86a9-c1c07a0f47ae", None]
    assert not window.full


def test_lastfm_is_asked_and_read_as_it_is_described() -> None:
    playing = {"artist": {"#text": "B"}, "name": "Now", "album": {"#text": ""}, "@attr": {"nowplaying": "true"}}
    extended = {"artist": {"name": "C", "url": ""}, "name": "X", "loved": "0", "date": {"uts": "1763620000"}}
    row = {"artist": {"mbid": "", "#text": "A"}, "name": "T", "mbid": "", "date": {"uts": "1763630000", "#text": ""}}
    attributes = {"user": "Ada", "totalPages": "3", "page": "1", "perPage": "200", "total": "402"}
    bodies = [{"track": [playing, row, extended], "@attr": attributes}, {"track": row, "@attr": attributes}]
    replies = [Reply(body={"recenttracks": body}) for body in bodies]
    with serving(*replies) as server, _http("Last.fm", server.url) as http:
        client = LastFmClient("ada", Login("ada", None, server.url), http, SecretStr(SECRET), lambda: AT)
        window, single = client.played_before(AT), client.recently_played()
    assert [(play.artist, play.title) for play in window.named] == [("C", "X"), ("A", "T")]
    assert window.full
    assert [play.title for play in single.named] == ["T"], "a single track is no list"
    for seen in server.seen:
        assert (seen.method, seen.path, seen.query) == ("POST", "/2.0/", {})
        assert (seen.form["method"], seen.form["user"], seen.form["format"]) == ("user.getRecentTracks", "ada", "json")
        assert (seen.form["api_key"], seen.form["limit"]) == (SECRET, "200")
    assert server.seen[0].form["to"] == str(int(AT.timestamp()))


@pytest.mark.parametrize(
    ("code", "words"),
    [(6, "no user"), (10, "MOODLOG_LASTFM_API_KEY"), (17, "privacy"), (26, "MOODLOG_LASTFM_API_KEY")],
)
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_lastfm_errors_name_the_remedy_whatever_the_status(code: int, words: str, status: int) -> None:
    body = {"error": code, "message": "..."}
    with serving(Reply(status, body=body)) as server, _http("Last.fm", server.url) as http:
        client = LastFmClient("ada", Login("ada", None, server.url), http, SecretStr(SECRET), lambda: AT)
        with pytest.raises(Exception, match=words) as raised:
            client.recently_played()
    assert SECRET not in str(raised.value)
    assert len(server.seen) == 1


def test_the_services_of_the_suite_are_all_services() -> None:
    assert len(RIGS) == len(Service)

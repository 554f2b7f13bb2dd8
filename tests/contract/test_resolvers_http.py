"""The resolvers over HTTP: wrong neighbours, remasters, guests, rate limits, and odd answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mood_core.domain.feature_misses import PastMiss
from mood_core.domain.play_lengths import KnownLength
from mood_core.domain.track_names import plain_artist, plain_title
from mood_core.errors import ConfigError
from mood_core.http.json_service import RETRY, JsonService
from mood_core.resolvers.chain import NameResult, PastResults, ResolveReport, resolve
from mood_core.resolvers.deezer import DeezerResolver
from mood_core.resolvers.musicbrainz import MusicBrainzResolver, agent
from mood_core.resolvers.registry import ResolverParts, build_resolvers
from mood_core.resolvers.resolver import DISAGREES, FOUND, UNKNOWN, TrackResolver, WantedName
from standin import Fault, StandIn
from standin.songs import Song
from tests.contract.spotify_fakes import Reply, ScriptedServer, serving

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
Make = Callable[[str], TrackResolver]
_opened: list[JsonService] = []


def deezer(url: str) -> TrackResolver:
    return DeezerResolver(_service("Deezer", url))


def musicbrainz(url: str) -> TrackResolver:
    return MusicBrainzResolver(_service("MusicBrainz", url, agent("tests@example.org")))


def _service(name: str, url: str, agent_name: str | None = None) -> JsonService:
    retry = replace(RETRY, sleep=lambda _: None)
    service = JsonService(name, url, f"MOODLOG_{name.upper()}_URL", retry=retry, agent=agent_name)
    _opened.append(service)
    return service


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the clients that a test opened."""
    yield
    while _opened:
        _opened.pop().close()


def wanted(artist: str, title: str) -> WantedName:
    name = plain_artist(artist), plain_title(title)
    return WantedName(name, artist, title, frozenset([name[0]]))


def of_song(song: Song) -> WantedName:
    return wanted(song.artists[0].name, song.name)


def ask(
    names: list[WantedName], *resolvers: TrackResolver, past: PastResults | None = None, at: datetime = AT
) -> tuple[list[NameResult], ResolveReport]:
    report = ResolveReport()
    return list(resolve(names, resolvers, past or {}, at, report)), report


@pytest.fixture
def songs(standin: StandIn) -> list[Song]:
    """Songs whose names no other recording has."""
    named: dict[tuple[str, str], set[str]] = {}
    for song in standin.world.catalogue.songs:
        named.setdefault(of_song(song).name, set()).add(song.isrc)
    return [s for s in standin.world.catalogue.songs if not s.is_local and len(named[of_song(s).name]) == 1][:60]


def test_each_service_gives_the_recording_itself_and_nothing_else(standin: StandIn, songs: list[Song]) -> None:
    for resolver, unknown_every in ((deezer(standin.deezer_url), 10), (musicbrainz(standin.musicbrainz_url), 3)):
        answers, report = ask([of_song(song) for song in songs], resolver)
        assert not report.stopped
        for song, answer in zip(songs, answers, strict=True):
            is_known = song.index % unknown_every > 0
            assert [track.isrc for track in answer.tracks] == ([song.isrc] if is_known else []), song.name
            assert answer.resolution.outcome == (FOUND if is_known else UNKNOWN)
            for track in answer.tracks:
                assert track.track_id == answer.resolution.track_id == f"isrc:{song.isrc}"
                assert abs((track.duration_ms or 0) - song.duration_ms) < 1000


def test_the_next_resolver_is_asked_about_what_is_missing_alone(standin: StandIn, songs: list[Song]) -> None:
    chain = deezer(standin.deezer_url), musicbrainz(standin.musicbrainz_url)
    names = [of_song(song) for song in songs]
    answers, report = ask(names, *chain)
    missed = sum(song.index % 10 == 0 for song in songs)
    assert standin.calls.count("musicbrainz_recording") == missed == report.asked["musicbrainz"]
    past = {
        ((a.resolution.artist, a.resolution.title), a.resolution.resolved_by): PastMiss(
            a.resolution.outcome, a.resolution.resolved_at, 0 if a.tracks else 1
        )
        for a in answers
    }
    standin.calls.clear()
    ask(names, *chain, past=past, at=AT + timedelta(hours=20))
    assert standin.calls.count() == 0
    ask(names, *chain, past=past, at=AT + timedelta(days=1))
    assert standin.calls.count("deezer_search") == sum(song.index % 30 == 0 for song in songs)


def test_a_recording_that_listenbrainz_has_mapped_is_read_by_its_id(standin: StandIn, songs: list[Song]) -> None:
    """The search does not know every third song; the id is known for all, but every twelfth is gone."""
    unsearched = [song for song in songs if song.index % 3 == 0]
    mapped = [
        replace(of_song(song), recording_mbid=song.uuid, length=KnownLength(song.duration_ms)) for song in unsearched
    ]
    answers, report = ask(mapped, musicbrainz(standin.musicbrainz_url))
    assert not report.stopped
    for song, answer in zip(unsearched, answers, strict=True):
        assert [track.isrc for track in answer.tracks] == ([song.isrc] if song.index % 12 else [])
    gone = sum(song.index % 12 == 0 for song in unsearched)
    assert 0 < gone < len(unsearched)
    assert standin.calls.count("musicbrainz_recording") == gone, "the search is asked only without the recording"
    standin.calls.clear()
    other = [replace(name, length=KnownLength((name.length.duration_ms or 0) + 60_000)) for name in mapped]
    answers, _ = ask(other, musicbrainz(standin.musicbrainz_url))
    assert not [answer for answer in answers if answer.tracks], "a recording of another duration is another one"


def test_a_mapped_recording_of_the_same_duration_needs_no_equal_name() -> None:
    credit = [{"name": "Émile"}, {"name": "The Band"}]
    item = {"id": "x", "title": "The Song", "length": 200_000, "artist-credit": credit, "isrcs": ["AABBB2400001"]}
    name = replace(wanted("Emile & Band", "Song, The"), recording_mbid="a" * 36)
    with serving(Reply(body=item), Reply(body=item), Reply(body={"recordings": []})) as server:
        answers, _ = ask([replace(name, length=KnownLength(200_500)), name], musicbrainz(server.url))
    found, unknown = answers
    assert [(track.name, track.artists) for track in found.tracks] == [("Song, The", ("Emile & Band",))]
    assert unknown.tracks == (), "without a duration, the name decides"


def test_covers_and_live_versions_alone_do_not_agree() -> None:
    item = {"id": 7, "title": "Song (Live)", "duration": 200, "artist": {"name": "Band"}}
    tribute = {"id": 8, "title": "Song", "duration": 200, "artist": {"name": "Band Tribute"}}
    with serving(Reply(body={"data": [item, tribute, None, {"id": "x"}]})) as server:
        answers, _ = ask([wanted("Band", "Song")], deezer(server.url))
    assert [answer.resolution.outcome for answer in answers] == [DISAGREES]
    assert [request.path for request in server.seen] == ["/search"]


def test_a_live_recording_of_the_same_title_is_recognised_by_its_disambiguation() -> None:
    live = {"title": "Song", "length": 200_000, "artist-credit": [{"name": "Band"}], "isrcs": ["GBAAA2600001"]}
    studio = live | {"isrcs": ["gb-aaa-26-00002"], "disambiguation": "album version"}
    recordings = [live | {"disambiguation": "live, 2010"}, live | {"video": True}, live | {"isrcs": []}, studio]
    with serving(Reply(body={"recordings": recordings})) as server:
        answers, _ = ask([wanted("Band", "Song")], musicbrainz(server.url))
    assert [track.isrc for answer in answers for track in answer.tracks] == ["GBAAA2600002"]
    assert "tests@example.org" in server.seen[0].headers["User-Agent"]


@pytest.mark.parametrize("retry_after_s", [2, None])
@pytest.mark.parametrize(("make", "endpoint"), [(deezer, "deezer_search"), (musicbrainz, "musicbrainz_recording")])
def test_a_short_rate_limit_is_waited_for(
    standin: StandIn, songs: list[Song], make: Make, endpoint: str, retry_after_s: int | None
) -> None:
    url = standin.deezer_url if make is deezer else standin.musicbrainz_url
    standin.faults.add(Fault("rate_limited", endpoint=endpoint, retry_after_s=retry_after_s))
    standin.faults.add(Fault("server_error", endpoint=endpoint, status=503))
    answers, report = ask([of_song(songs[1])], make(url))
    assert len(answers) == 1
    assert not report.stopped
    assert standin.calls.count(endpoint) == 3


def test_a_long_rate_limit_stops_one_resolver_and_makes_no_miss(standin: StandIn, songs: list[Song]) -> None:
    standin.faults.add(Fault("rate_limited", endpoint="deezer_search", times=None, retry_after_s=3000))
    chain = deezer(standin.deezer_url), musicbrainz(standin.musicbrainz_url)
    answers, report = ask([of_song(song) for song in songs[:5]], *chain)
    assert set(report.stopped) == {"deezer"}
    assert standin.calls.count("deezer_search") == 1
    assert {answer.resolution.resolved_by for answer in answers} == {"musicbrainz"}


@contextmanager
def _deezer_that(*bodies: Any) -> Iterator[tuple[TrackResolver, ScriptedServer]]:
    with serving(*(Reply(body=body) for body in bodies)) as server:
        yield deezer(server.url), server


def test_deezer_reports_its_limit_with_the_status_200() -> None:
    error = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}
    with _deezer_that(error) as (resolver, server):
        answers, report = ask([wanted("Band", "Song"), wanted("Band", "Other")], resolver)
    assert answers == []
    assert "50 requests" in report.stopped["deezer"]
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", [{}, {"data": 1}, [1], {"error": {"code": 300}}])
def test_two_odd_answers_in_a_row_stop_a_resolver_and_make_no_miss(body: Any) -> None:
    with _deezer_that(body) as (resolver, server):
        answers, report = ask([wanted("Band", title) for title in ("One", "Two", "Three")], resolver)
    assert answers == []
    assert list(report.stopped) == ["deezer"]
    assert len(server.seen) == 2


def test_a_track_that_deezer_no_longer_has_is_not_found() -> None:
    found = {"data": [{"id": 7, "title": "Song", "duration": 200, "artist": {"name": "Band"}}]}
    with _deezer_that(found, {"error": {"code": 800}}) as (resolver, _):
        answers, _ = ask([wanted("Band", "Song")], resolver)
    assert [(answer.resolution.outcome, answer.tracks) for answer in answers] == [(DISAGREES, ())]


def test_resolvers_are_chosen_by_name() -> None:
    parts = ResolverParts(None, _service("Deezer", "https://deezer.example"), None)
    assert [each.name for each in build_resolvers(["Deezer", "spotify", "musicbrainz", "deezer"], parts)] == ["deezer"]
    assert build_resolvers(["none"], parts) == ()
    with pytest.raises(ConfigError, match="MOODLOG_RESOLVERS contains shazam"):
        build_resolvers(["shazam"], parts)
    with pytest.raises(ConfigError, match="MOODLOG_DEEZER_URL"):
        _service("Deezer", "http://deezer.example")

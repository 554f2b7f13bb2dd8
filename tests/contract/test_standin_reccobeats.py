"""The stand-in's ReccoBeats over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from mood_core.domain.records import from_ms, to_ms
from standin import StandIn
from standin.songs import Song

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AGENT = {"User-Agent": "moodlog-tests/1.0"}


@pytest.fixture(scope="module")
def shared_standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=1, now=NOW, frozen=True) as running:
        yield running


@pytest.fixture
def standin(shared_standin: StandIn) -> StandIn:
    shared_standin.clock.set(NOW)
    return shared_standin


def ask(standin: StandIn, ids: list[str], path: str = "/audio-features", **headers: str) -> httpx.Response:
    return httpx.get(standin.reccobeats_url + path, params={"ids": ",".join(ids)}, headers=AGENT | headers)


def content(standin: StandIn, ids: list[str], path: str = "/audio-features") -> list[dict[str, Any]]:
    answer = ask(standin, ids, path)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["content"]
    return entries


def known(standin: StandIn) -> list[Song]:
    """Songs that are known now and the only ones with their ISRC."""
    return [
        songs[0]
        for songs in standin.world.catalogue.by_isrc.values()
        if len(songs) == 1 and songs[0].known_from_ms is not None and songs[0].known_from_ms <= to_ms(NOW)
    ]


def spotify_ids(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["href"].removeprefix("https://open.spotify.com/track/") for entry in entries]


def test_unknown_ids_are_left_out_and_the_order_is_its_own(standin: StandIn) -> None:
    wanted = [song.track_id for song in known(standin)[:30]]
    unknown = [s.track_id for s in standin.world.catalogue.songs if s.known_from_ms is None and not s.is_local][:9]
    entries = content(standin, [*wanted[:15], *unknown, "0" * 22, *wanted[15:]])
    assert sorted(spotify_ids(entries)) == sorted(wanted)
    assert spotify_ids(entries) != wanted


def test_features_come_under_their_names_without_a_duration(standin: StandIn) -> None:
    song = known(standin)[0]
    (entry,) = content(standin, [song.track_id])
    assert set(entry) == {
        "id", "href", "isrc", "acousticness", "danceability", "energy", "instrumentalness", "key", "liveness",
        "loudness", "mode", "speechiness", "tempo", "valence",
    }  # fmt: skip
    assert (entry["id"], entry["isrc"], entry["energy"]) == (song.uuid, song.isrc, song.features.energy)


def test_three_kinds_of_ids_mean_the_same(standin: StandIn) -> None:
    song = known(standin)[3]
    by_id, by_isrc, by_uuid = (content(standin, [name]) for name in (song.track_id, song.isrc, song.uuid))
    assert by_id == by_isrc == by_uuid != []
    assert content(standin, [song.track_id, song.isrc, song.uuid]) == by_id


def test_a_sibling_is_found_by_its_isrc_under_the_other_id(standin: StandIn) -> None:
    pairs = [
        songs
        for songs in standin.world.catalogue.by_isrc.values()
        if len(songs) == 2
        and songs[0].known_from_ms is not None
        and songs[0].known_from_ms <= to_ms(NOW)
        and songs[1].known_from_ms is None
    ]
    assert len(pairs) > 20
    original, sibling = pairs[0]
    assert content(standin, [sibling.track_id]) == []
    assert spotify_ids(content(standin, [sibling.isrc])) == [original.track_id]


@pytest.mark.parametrize("count", [0, 41])
def test_one_to_forty_ids_a_call(standin: StandIn, count: int) -> None:
    ids = [song.track_id for song in standin.world.catalogue.songs[:count]]
    answer = ask(standin, ids)
    assert answer.status_code == 400
    assert answer.json()["status"] == 4004
    assert answer.json()["errors"]
    assert ask(standin, [song.track_id for song in standin.world.catalogue.songs[:40]]).status_code == 200


def test_track_has_the_duration(standin: StandIn) -> None:
    songs = known(standin)[:10]
    entries = {entry["id"]: entry for entry in content(standin, [song.track_id for song in songs], "/track")}
    for song in songs:
        entry = entries[song.uuid]
        assert (entry["trackTitle"], entry["durationMs"], entry["isrc"]) == (song.name, song.duration_ms, song.isrc)
        assert [artist["name"] for artist in entry["artists"]] == [artist.name for artist in song.artists]


@pytest.mark.parametrize("agent", ["python-requests/2.32", "python-httpx/0.28", "Python-urllib/3.11", ""])
def test_the_default_agents_of_libraries_are_turned_away(standin: StandIn, agent: str) -> None:
    ids = [known(standin)[0].track_id]
    assert ask(standin, ids, **{"User-Agent": agent}).status_code == 403
    assert ask(standin, ids, **{"User-Agent": "moodlog/1 python-httpx/0.28"}).status_code == 200


def test_a_miss_becomes_known_later(standin: StandIn) -> None:
    song = next(
        one
        for one in standin.world.catalogue.songs
        if one.known_from_ms is not None and one.known_from_ms > to_ms(NOW) and one.album.released < NOW.date()
    )
    assert content(standin, [song.track_id]) == []
    standin.clock.set(from_ms(song.known_from_ms or 0) + timedelta(minutes=1))
    assert spotify_ids(content(standin, [song.track_id])) == [song.track_id]

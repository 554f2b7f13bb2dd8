"""The stand-in's Web API over HTTP: the window and its cursors, tracks, features, playlists, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
import spotipy
from hypothesis import given, settings
from hypothesis import strategies as st

from mood_core.domain.records import to_ms
from standin import StandIn

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PLAYED = "/me/player/recently-played"


@pytest.fixture(scope="module")
def shared_standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=6, now=NOW, frozen=True) as running:
        yield running


@pytest.fixture
def standin(shared_standin: StandIn) -> StandIn:
    shared_standin.clock.set(NOW)
    return shared_standin


class Api:
    """One listener's view of the Web API."""

    def __init__(self, standin: StandIn, listener: str = "ada-1", scope: str = "user-read-recently-played") -> None:
        token = standin.issue_tokens(listener, scope=scope)["access_token"]
        self._client = httpx.Client(headers={"Authorization": f"Bearer {token}"})
        self._base = standin.spotify_api_url

    def get(self, path: str, **query: object) -> httpx.Response:
        url = path if path.startswith("http") else self._base + path
        return self._client.get(url, params={name: str(value) for name, value in query.items()} or None)

    def played(self, **query: object) -> dict[str, Any]:
        answer = self.get(PLAYED, **query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def api(standin: StandIn) -> Iterator[Api]:
    view = Api(standin)
    yield view
    view.close()


def moments(page: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(item["played_at"]) for item in page["items"]]


def identities(page: dict[str, Any]) -> list[tuple[datetime, str]]:
    """When and what, by the track's id or a local file's URI."""
    tracks = [item["track"]["id"] or item["track"]["uri"] for item in page["items"]]
    return list(zip(moments(page), tracks, strict=True))


def test_me_has_the_form_of_development_mode(api: Api) -> None:
    person = api.get("/me").json()
    assert set(person) == {"account_id", "display_name", "external_urls", "href", "id", "images", "type", "uri"}
    assert (person["id"], person["display_name"], person["type"]) == ("ada-1", "Ada", "user")


def test_the_window_holds_50_listens_newest_first(api: Api) -> None:
    page = api.played(limit=50)
    played = moments(page)
    assert len(played) == 50
    assert played == sorted(set(played), reverse=True)
    assert page["limit"] == 50
    assert page["cursors"] == {"after": str(to_ms(played[0])), "before": str(to_ms(played[-1]))}
    assert all(item["played_at"][-5] == "." and item["played_at"].endswith("Z") for item in page["items"])
    track = next(item["track"] for item in page["items"] if not item["track"]["is_local"])
    assert len(track["external_ids"]["isrc"]) == 12
    assert track["uri"] == f"spotify:track:{track['id']}"
    assert not {"popularity", "available_markets"} & set(track)


def test_the_window_is_all_there_is_whatever_the_cursors(api: Api) -> None:
    window = identities(api.played(limit=50))
    oldest = to_ms(window[-1][0])
    beyond = api.played(limit=50, before=oldest)
    assert beyond["items"] == []
    assert beyond["next"] is None
    middle = to_ms(window[20][0])
    assert identities(api.played(limit=50, before=middle)) == window[21:]
    assert identities(api.played(limit=50, after=middle)) == window[:20]
    assert identities(api.played(limit=50, after=0)) == window


def test_pages_can_be_followed_to_the_end(api: Api) -> None:
    window, walked = identities(api.played(limit=50)), []
    page = api.played(limit=20)
    while True:
        walked += identities(page)
        if page["next"] is None:
            break
        page = api.get(page["next"]).json()
    assert walked == window
    assert len(api.played()["items"]) == 20


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 51}, {"limit": "many"}, {"before": 1, "after": 1}, {"after": "yesterday"}, {"before": -1}],
)
def test_wrong_parameters_are_refused(api: Api, query: dict[str, object]) -> None:
    answer = api.get(PLAYED, **query)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, 400)


def test_a_scope_that_was_not_granted(standin: StandIn) -> None:
    view = Api(standin, scope="user-read-private")
    answer = view.get(PLAYED)
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": {"status": 403, "message": "Insufficient client scope"}},
    )
    assert view.get("/me").status_code == 200
    view.close()


@pytest.mark.parametrize(
    ("header", "message"),
    [({}, "No token provided"), ({"Authorization": "Bearer nonsense"}, "Invalid access token")],
)
def test_a_call_without_a_valid_token(standin: StandIn, header: dict[str, str], message: str) -> None:
    answer = httpx.get(standin.spotify_api_url + "/me", headers=header)
    assert (answer.status_code, answer.json()) == (401, {"error": {"status": 401, "message": message}})


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 5), minutes=st.integers(0, 60 * 24 * 20))
def test_every_visible_listen_appears_while_it_is_among_the_newest_50(
    shared_standin: StandIn, index: int, minutes: int
) -> None:
    moment = NOW - timedelta(minutes=minutes)
    shared_standin.clock.set(moment)
    listener = shared_standin.listeners[index].listener_id
    truth = shared_standin.truth(listener, moment - timedelta(days=30), moment + timedelta(days=1))
    visible = sorted(((one.played_at, one.track_id) for one in truth if one.visible_at <= moment), reverse=True)
    view = Api(shared_standin, listener)
    assert identities(view.played(limit=50)) == visible[:50]
    view.close()


def test_late_listens_appear_later_and_in_their_place(standin: StandIn) -> None:
    start = NOW - timedelta(days=20)
    for listener in standin.listeners:
        for one in standin.truth(listener.account_id, start, NOW):
            late = one.visible_at - one.ended_at > timedelta(hours=3)
            if late and _newer_before(standin, listener.listener_id, one.played_at, one.visible_at):
                standin.clock.set(one.visible_at - timedelta(milliseconds=1))
                view = Api(standin, listener.listener_id)
                before = moments(view.played(limit=50))
                standin.clock.set(one.visible_at)
                after = moments(view.played(limit=50))
                view.close()
                assert one.played_at not in before
                assert one.played_at in after
                assert after[0] > one.played_at
                return
    pytest.fail("no late listen with a newer one before it in 20 days")


def _newer_before(standin: StandIn, listener: str, played_at: datetime, visible_at: datetime) -> bool:
    """Whether a few newer listens, and no more, were to be seen before this one appeared."""
    since = standin.truth(listener, played_at, visible_at)
    later = [one for one in since if one.played_at > played_at]
    return len(later) < 50 and any(one.visible_at < visible_at for one in later)


def test_local_files_and_repeats_are_among_the_listens(standin: StandIn) -> None:
    local, repeated = None, False
    for listener in standin.listeners:
        standin.clock.set(NOW)
        view = Api(standin, listener.listener_id)
        for back in range(20):
            standin.clock.set(NOW - timedelta(days=back))
            tracks = [item["track"] for item in view.played(limit=50)["items"]]
            local = local or next((track for track in tracks if track["is_local"]), None)
            uris = [track["uri"] for track in tracks]
            repeated = repeated or any(one == two for one, two in pairwise(uris))
        view.close()
    assert repeated
    assert local is not None
    assert local["id"] is None
    assert local["uri"].startswith("spotify:local:")
    assert local["external_ids"] == {}


def test_a_track_is_found_by_its_id_alone(standin: StandIn, api: Api) -> None:
    song = standin.world.song(5)
    track = api.get(f"/tracks/{song.track_id}").json()
    assert (track["name"], track["duration_ms"]) == (song.name, song.duration_ms)
    assert track["album"]["release_date"] == song.album.release_date
    assert api.get("/tracks/" + "0" * 22).status_code == 404
    assert api.get("/tracks/short").status_code == 400


def test_batches_are_closed_to_development_mode(standin: StandIn, api: Api) -> None:
    ids = standin.world.song(0).track_id
    for path in ("/audio-features", "/tracks"):
        answer = api.get(path, ids=ids)
        assert (answer.status_code, answer.json()["error"]["status"]) == (403, 403)


def test_batches_are_open_to_extended_quota() -> None:
    with StandIn(listeners=1, audio_features=True, catalogue_size=200, now=NOW, frozen=True) as standin:
        view = Api(standin)
        songs = standin.world.catalogue.songs[:99]
        ids = [song.track_id for song in songs]
        ids.insert(3, "0" * 22)
        features = view.get("/audio-features", ids=",".join(ids)).json()["audio_features"]
        assert features[3] is None
        assert [one and one["id"] for one in features] == [None if index == 3 else i for index, i in enumerate(ids)]
        assert features[0]["energy"] == songs[0].features.energy
        assert features[0]["duration_ms"] == songs[0].duration_ms
        assert view.get("/audio-features", ids=",".join([*ids, "1" * 22])).status_code == 400
        assert view.get("/audio-features", ids="").status_code == 400
        tracks = view.get("/tracks", ids=",".join(ids[:5])).json()["tracks"]
        assert [track and track["name"] for track in tracks[:2]] == [song.name for song in songs[:2]]
        view.close()


def test_playlists_can_be_read_page_by_page(standin: StandIn, api: Api) -> None:
    playlist = standin.playlists[0]
    page = api.get(f"/playlists/{playlist.playlist_id}/items", limit=50).json()
    items, total = list(page["items"]), page["total"]
    while page["next"]:
        page = api.get(page["next"]).json()
        items += page["items"]
    assert page["previous"] is not None
    assert len(items) == total == len(playlist.songs) > 100
    names = [standin.world.song(index).name for index in playlist.songs]
    assert [item["item"]["name"] for item in items] == names
    assert any(item["is_local"] for item in items)
    assert api.get("/playlists/" + "0" * 22 + "/items").status_code == 404


def test_there_is_a_playlist_for_each_mood_and_a_track_in_two(standin: StandIn) -> None:
    by_mood = {playlist.mood: set(playlist.songs) for playlist in standin.playlists}
    assert set(by_mood) == {"Calm", "Energetic", "Happy", "Sad"}
    catalogued = {mood: {i for i in songs if not standin.world.song(i).is_local} for mood, songs in by_mood.items()}
    assert catalogued["Sad"] & catalogued["Happy"]


def test_what_is_not_there_is_404(standin: StandIn, api: Api) -> None:
    assert api.get("/me/albums").status_code == 404
    assert httpx.get(standin.base_url + "/elsewhere").status_code == 404
    assert httpx.post(standin.spotify_api_url + "/me").status_code == 404


def test_spotipy_reads_it_unchanged(standin: StandIn) -> None:
    token = standin.issue_tokens("bruno-2")["access_token"]
    client = spotipy.Spotify(auth=token, retries=0, status_retries=0)
    client.prefix = standin.spotify_api_url + "/"
    assert client.me()["id"] == "bruno-2"
    window = client.current_user_recently_played(limit=50)
    assert len(window["items"]) == 50
    items = client.playlist_items(standin.playlists[1].playlist_id, limit=50)
    assert client.next(items)["offset"] == 50


def test_hostile_titles_arrive_unharmed(standin: StandIn, api: Api) -> None:
    hostile = [song for song in standin.world.catalogue.songs if "</script>" in song.name or "🔥" in song.name]
    assert hostile
    for song in hostile[:5]:
        answer = api.get(f"/tracks/{song.track_id}")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert json.loads(answer.content)["name"] == song.name

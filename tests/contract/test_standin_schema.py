"""The stand-in's answers against the published API descriptions, where those are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from standin import StandIn

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AGENT = {"User-Agent": "moodlog-tests/1.0"}

GONE_FROM_DEVELOPMENT_MODE = frozenset({"available_markets"})
"""Fields that the description still requires and that apps in development mode no longer get (February 2026)."""
DEPRECATED_AND_GONE = frozenset({"country", "email", "product", "followers", "explicit_content", "popularity"})


class Description:
    """An OpenAPI 3.0 description, its schemas read as JSON Schema."""

    def __init__(self, path: Path) -> None:
        document = _as_json_schema(yaml.safe_load(path.read_text(encoding="utf-8")))
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource("urn:api", resource)
        self._document: dict[str, Any] = document

    def check(self, instance: object, schema: str) -> None:
        """Fail with every deviation of ``instance`` from the component ``schema``."""
        reference = {"$ref": f"urn:api#/components/schemas/{schema}"}
        validator = Draft202012Validator(reference, registry=self._registry)
        assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(instance)] == []

    def fields(self, schema: str) -> set[str]:
        """The names of the component's properties, those of what it is composed of included."""
        return set(self._fields(self._document["components"]["schemas"][schema]))

    def _fields(self, schema: dict[str, Any]) -> Iterator[str]:
        yield from schema.get("properties", {})
        for part in schema.get("allOf", ()):
            yield from self._fields(part)
        if "$ref" in schema:
            yield from self.fields(schema["$ref"].rpartition("/")[2])


def _as_json_schema(node: Any) -> Any:
    """OpenAPI's ``nullable`` as JSON Schema has it, and required fields that are gone left out."""
    if isinstance(node, list):
        return [_as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    out = {key: _as_json_schema(value) for key, value in node.items() if key not in ("example", "discriminator")}
    if isinstance(out.get("required"), list):
        out["required"] = [name for name in out["required"] if name not in GONE_FROM_DEVELOPMENT_MODE]
    if out.pop("nullable", False) is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


@pytest.fixture(scope="module")
def spotify(shared: Path) -> Description:
    return Description(shared / "contracts" / "spotify-web-api.yml")


@pytest.fixture(scope="module")
def reccobeats(shared: Path) -> Description:
    return Description(shared / "contracts" / "reccobeats-third-party.yml")


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=6, now=NOW, frozen=True, audio_features=True) as running:
        yield running


def get(standin: StandIn, path: str, listener: str = "ada-1") -> dict[str, Any]:
    token = standin.issue_tokens(listener)["access_token"]
    answer = httpx.get(standin.spotify_api_url + path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_the_check_itself_sees_what_is_wrong(spotify: Description) -> None:
    with pytest.raises(AssertionError, match="duration_ms"):
        spotify.check({"duration_ms": "long"}, "TrackObject")
    with pytest.raises(AssertionError, match="album_type"):
        spotify.check({"album": {"artists": []}}, "TrackObject")
    with pytest.raises(AssertionError, match=r"\$\.name"):
        spotify.check({"name": None}, "TrackObject")


def test_a_profile_is_described_and_lacks_what_is_gone(standin: StandIn, spotify: Description) -> None:
    person = get(standin, "/me")
    spotify.check(person, "PrivateUserObject")
    assert set(person) <= spotify.fields("PrivateUserObject") - DEPRECATED_AND_GONE


@pytest.mark.parametrize("number", range(6))
def test_recent_listens_are_described(standin: StandIn, spotify: Description, number: int) -> None:
    page = get(standin, "/me/player/recently-played?limit=50", standin.listeners[number].listener_id)
    assert set(page) <= spotify.fields("CursorPagingPlayHistoryObject")
    # A play outside any playlist has a null context, which the description does not foresee; nor local files' nulls.
    items = [{k: v for k, v in item.items() if v is not None} for item in page["items"]]
    page["items"] = [item for item in items if not item["track"]["is_local"]]
    spotify.check(page, "CursorPagingPlayHistoryObject")
    fields = spotify.fields("TrackObject") - DEPRECATED_AND_GONE
    assert all(set(item["track"]) <= fields for item in items)
    assert all(set(item["track"]["album"]) <= spotify.fields("SimplifiedAlbumObject") for item in items)


def test_a_track_is_described(standin: StandIn, spotify: Description) -> None:
    songs = [song for song in standin.world.catalogue.songs if not song.is_local]
    for song in songs[::300]:
        spotify.check(get(standin, f"/tracks/{song.track_id}"), "TrackObject")


def test_audio_features_are_described_and_whole(standin: StandIn, spotify: Description) -> None:
    ids = ",".join(song.track_id for song in standin.world.catalogue.songs[:100])
    features = get(standin, f"/audio-features?ids={ids}")["audio_features"]
    for one in features:
        spotify.check(one, "AudioFeaturesObject")
        assert set(one) == spotify.fields("AudioFeaturesObject")


@pytest.mark.parametrize("offset", [0, 50, 100])
def test_a_playlists_items_are_described(standin: StandIn, spotify: Description, offset: int) -> None:
    page = get(standin, f"/playlists/{standin.playlists[0].playlist_id}/items?limit=50&offset={offset}")
    page["items"] = [item for item in page["items"] if not item["is_local"]]
    spotify.check(page, "PagingPlaylistTrackObject")
    assert all(set(item) <= spotify.fields("PlaylistTrackObject") for item in page["items"])


def test_an_error_is_described(standin: StandIn, spotify: Description) -> None:
    for path in ("/me", "/nothing"):
        spotify.check(httpx.get(standin.spotify_api_url + path).json()["error"], "ErrorObject")


def test_what_reccobeats_says_of_a_track_is_described(standin: StandIn, reccobeats: Description) -> None:
    ids = ",".join(song.track_id for song in standin.world.catalogue.songs[:40])
    entries = httpx.get(f"{standin.reccobeats_url}/track?ids={ids}", headers=AGENT).json()["content"]
    assert len(entries) > 20
    for entry in entries:
        assert set(entry) <= reccobeats.fields("Track")
        # The service gives null for codes it does not have, which the description does not foresee.
        reccobeats.check({key: value for key, value in entry.items() if value is not None}, "Track")


def test_what_reccobeats_says_of_its_sound_is_described(standin: StandIn, reccobeats: Description) -> None:
    ids = ",".join(song.track_id for song in standin.world.catalogue.songs[:40])
    entries = httpx.get(f"{standin.reccobeats_url}/audio-features?ids={ids}", headers=AGENT).json()["content"]
    for entry in entries:
        reccobeats.check(entry, "AudioFeatures")
        # The description knows neither of these; the service's own pages do.
        assert set(entry) - reccobeats.fields("AudioFeatures") == {"href", "isrc", "key", "mode"}

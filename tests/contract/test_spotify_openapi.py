"""The client against a server made from Spotify's own published API description.

Strict in what it takes: only described paths, only described and valid parameters. Its answers are made from the
description's schemas: the examples, and many seeded variations with optional fields left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from mood_core.domain.records import Track
from mood_core.errors import AccessDenied, RateLimited, ReauthorisationNeeded, SourceError, UnexpectedPayload
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.client import SpotifyClient, SpotifyClients
from mood_core.spotify.session import SCOPE
from mood_core.spotify.tokens import TokenCipher
from tests.contract.spotify_fakes import MemoryTokens, Reply, Seen, app_at, serving, token

PREFIX = "/v1"
USED = ("/me", "/me/player/recently-played", "/tracks/{id}", "/audio-features", "/playlists/{playlist_id}/items")


class Description:
    """Spotify's OpenAPI description, with what is needed to answer by it."""

    def __init__(self, path: Path) -> None:
        self._document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.complaints: list[str] = []
        self.status = 200
        self.rng: random.Random | None = None

    def answer(self, seen: Seen) -> Reply:
        """The reply to a request, 400 or 404 with a complaint where the description does not allow it."""
        for template, operations in self._document["paths"].items():
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            if template in USED and re.fullmatch(PREFIX + pattern, seen.path) and seen.method == "GET":
                return self._answer(operations["get"], seen)
        self.complaints.append(f"no such path: {seen.path}")
        return Reply(404)

    def scopes(self, path: str) -> set[str]:
        """The scopes that ``path`` needs."""
        needed = self._document["paths"][path]["get"]["security"]
        return {scope for one in needed for scopes in one.values() for scope in scopes}

    def _answer(self, operation: dict[str, Any], seen: Seen) -> Reply:
        self._check(operation, seen)
        response = self._resolved(operation["responses"][str(self.status)])
        return Reply(self.status, self.example(response["content"]["application/json"]["schema"]))

    def _check(self, operation: dict[str, Any], seen: Seen) -> None:
        described = {one["name"]: one for one in map(self._resolved, operation.get("parameters", []))}
        query = {name: one for name, one in described.items() if one["in"] == "query"}
        if not seen.headers.get("Authorization", "").startswith("Bearer "):
            self.complaints.append("no bearer token")
        for name, value in seen.query.items():
            if name not in query:
                self.complaints.append(f"no such parameter: {name}")
                continue
            schema = query[name]["schema"]
            typed: object = int(value) if schema["type"] == "integer" and value.isdigit() else value
            for error in jsonschema.Draft202012Validator(schema).iter_errors(typed):
                self.complaints.append(f"{name}: {error.message}")
        missing = {name for name, one in query.items() if one.get("required")} - set(seen.query)
        self.complaints.extend(f"missing: {name}" for name in sorted(missing))

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def example(self, schema: dict[str, Any]) -> Any:
        """A value that fits ``schema``: the full example, or a variation where there is an ``rng``."""
        schema = self._merged(schema)
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema)
        if schema.get("type") == "array":
            count = max(schema.get("minItems", 1), 1) if self.rng is None else self.rng.randrange(4)
            return [self.example(schema["items"]) for _ in range(count)]
        return self._leaf(schema)

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties", {}).items()
        required = schema.get("required", [])
        return {
            name: self.example(one)
            for name, one in properties
            if self.rng is None or name in required or self.rng.random() < 0.8
        }

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        schema = self._resolved(schema)
        merged = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf")}
        options = schema.get("oneOf", [])
        chosen = options[:1] if self.rng is None or not options else [self.rng.choice(options)]
        for part in [*schema.get("allOf", []), *chosen]:
            inner = self._merged(part)
            merged["properties"] = {**inner.get("properties", {}), **merged.get("properties", {})}
            merged["required"] = [*inner.get("required", []), *merged.get("required", [])]
            merged = {**inner, **merged}
        return merged

    def _leaf(self, schema: dict[str, Any]) -> Any:
        if self.rng is not None and schema.get("nullable") and self.rng.random() < 0.3:
            return None
        if "enum" in schema:
            return schema["enum"][0] if self.rng is None else self.rng.choice(schema["enum"])
        if self.rng is None and "example" in schema:
            return schema["example"]
        match schema.get("type"):
            case "integer":
                return 1 if self.rng is None else self.rng.randrange(-5, 10**6)
            case "number":
                return 0.5 if self.rng is None else self.rng.uniform(-100, 100)
            case "boolean":
                return True if self.rng is None else self.rng.random() < 0.5
            case _ if schema.get("format") == "date-time":
                return "2026-11-20T10:00:00Z"
            case _:
                return "string" if self.rng is None else "".join(self.rng.choices("aZ9ü☃ ", k=self.rng.randrange(9)))


@pytest.fixture(scope="module")
def description(shared: Path) -> Description:
    return Description(shared / "contracts" / "spotify-web-api.yml")


@pytest.fixture
def client(description: Description) -> Iterator[SpotifyClient]:
    description.rng, description.status = None, 200
    description.complaints.clear()
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    with (
        serving(answer=description.answer) as server,
        SpotifyClients(app_at(server.url + PREFIX), tokens, cipher, retry=RetryPolicy(sleep=lambda _: None)) as clients,
    ):
        store_new_token("person", token(of=app_at(server.url)), tokens, cipher)
        yield clients.for_user("person")


def test_the_examples_of_the_description_are_understood(description: Description, client: SpotifyClient) -> None:
    assert client.profile().account_id == "aB3dE5fG7h"
    window = client.recently_played()
    assert [listen.track_id for listen in window.listens] == ["string"]
    assert window.skipped == ()
    track = client.track("11dFghVXANMlKmJXsNCbNl")
    assert track is not None
    assert track.isrc == "string"
    (features,) = client.audio_features(["2takcwOaAZWiXQijPHIx7B"])
    assert features is not None
    assert features["danceability"] == 0.585
    items = list(client.playlist_items("3cEYpjA9oz9GiPac4AsH4n"))
    assert items
    assert all(isinstance(item, Track) for item in items)
    assert description.complaints == []


@pytest.mark.parametrize("seed", range(30))
def test_variations_are_understood_or_refused(description: Description, client: SpotifyClient, seed: int) -> None:
    description.rng = random.Random(seed)
    for ask in (
        client.profile,
        client.recently_played,
        lambda: client.track("11dFghVXANMlKmJXsNCbNl"),
        lambda: client.audio_features(["2takcwOaAZWiXQijPHIx7B"]),
        lambda: list(client.playlist_items("3cEYpjA9oz9GiPac4AsH4n")),
    ):
        try:
            assert ask() is not None
        except UnexpectedPayload as error:
            assert "violates its contract" in error.message  # noqa: PT017 - the other outcome is a record
    assert description.complaints == []


@pytest.mark.parametrize(("status", "error"), [(401, ReauthorisationNeeded), (403, AccessDenied), (429, RateLimited)])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_every_failure_that_the_description_knows_is_understood(
    description: Description, client: SpotifyClient, status: int, error: type[Exception], seed: int | None
) -> None:
    description.status = status
    description.rng = None if seed is None else random.Random(seed)
    # 401 is met with a refresh, whose endpoint is another service's and not described here.
    expected = (error, SourceError) if status == 401 else error
    for ask in (client.profile, client.recently_played, lambda: client.track("11dFghVXANMlKmJXsNCbNl")):
        with pytest.raises(expected):
            ask()
    assert [one for one in description.complaints if "/api/token" not in one] == []


def test_what_is_asked_for_is_what_pulling_needs(description: Description) -> None:
    assert description.scopes("/me/player/recently-played") == set(SCOPE.split())


def test_the_server_does_complain(description: Description, client: SpotifyClient) -> None:
    """The checks of this test's own server can fail."""
    for seen in (
        Seen("GET", "/v1/nothing", {}, {}, {}),
        Seen("GET", "/v1/me/", {}, {"Authorization": "Bearer x"}, {}),
        Seen("GET", "/v1/me/player/recently-played", {"limit": "51", "cursor": "1"}, {}, {}),
        Seen("GET", "/v1/audio-features", {}, {"Authorization": "Bearer x"}, {}),
    ):
        description.answer(seen)
    assert len(description.complaints) == 6
    description.complaints.clear()

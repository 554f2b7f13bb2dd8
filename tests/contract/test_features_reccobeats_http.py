"""ReccoBeats' client over HTTP: what it sends, what it waits for, and what it makes of odd answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import FEATURE_RANGES
from mood_core.errors import (
    AccessDenied,
    ConfigError,
    QuotaExceeded,
    RateLimited,
    SourceError,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.features.reccobeats.client import AUDIO_FEATURES, TRACK, ReccoBeatsClient
from mood_core.http.json_service import RETRY, user_agent
from standin import StandIn
from tests.contract.spotify_fakes import NotingLedger, Reply, ScriptedServer, Seen, serving

ID = "4HIwL9ii9CcXpTOTzMq0MP"
GOOD = Reply(body={"content": [{"id": "u", "href": f"https://open.spotify.com/track/{ID}", "energy": 0.5}]})


@contextmanager
def client_of(*replies: Reply, **options: Any) -> Iterator[tuple[ReccoBeatsClient, ScriptedServer, list[float]]]:
    """A client of a server that gives ``replies`` (the last one for ever), and the pauses it makes."""
    pauses: list[float] = []
    with (
        serving(*replies) as server,
        ReccoBeatsClient(f"{server.url}/v1", retry=replace(RETRY, sleep=pauses.append), **options) as client,
    ):
        yield client, server, pauses


def test_the_request_is_what_the_service_documents() -> None:
    with client_of(GOOD) as (client, server, _):
        client.audio_features([ID, "GBAAA2600001"])
        client.tracks([ID])
    first, second = server.seen
    assert (first.method, first.path, first.query) == ("GET", "/v1/audio-features", {"ids": f"{ID},GBAAA2600001"})
    assert (second.path, second.query) == ("/v1/track", {"ids": ID})
    assert first.headers["User-Agent"] == user_agent()
    assert user_agent().startswith("moodlog")


def test_connections_are_kept() -> None:
    with client_of(GOOD) as (client, server, _):
        for _ in range(5):
            client.audio_features([ID])
        assert len(server.connections) == 1


@pytest.mark.parametrize("count", [0, 41])
def test_more_ids_than_the_service_takes_are_our_mistake(count: int) -> None:
    with client_of(GOOD) as (client, server, _), pytest.raises(ValueError, match="1 to 40"):
        client.audio_features([ID] * count)
    assert server.seen == []


@pytest.mark.parametrize(
    "address", ["", "api.reccobeats.com", "ftp://x.example", "https://", "http://[::1", "http://x.example"]
)
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="MOODLOG_RECCOBEATS_URL"):
        ReccoBeatsClient(address)


def test_a_short_wait_is_waited_out_as_asked() -> None:
    limited = Reply(429, headers={"Retry-After": "7"})
    with client_of(limited, GOOD) as (client, _, pauses):
        client.audio_features([ID])
    assert [7 < pause < 8 for pause in pauses] == [True]


def test_the_longest_short_wait_is_still_ours_and_the_next_longer_is_not() -> None:
    with client_of(Reply(429, headers={"Retry-After": "60"}), GOOD) as (client, server, _):
        client.audio_features([ID])
        assert len(server.seen) == 2
    with client_of(Reply(429, headers={"Retry-After": "61"}), GOOD) as (client, server, pauses):
        with pytest.raises(RateLimited) as caught:
            client.audio_features([ID])
        assert (caught.value.retry_after_s, len(server.seen), pauses) == (61.0, 1, [])


@pytest.mark.parametrize("header", [None, "soon", "-5", "", "Mon, 99 Nov 2026 00:00:00 GMT"])
def test_without_a_readable_retry_after_our_own_pauses_are_used_and_then_a_minute_asked_for(header: str | None) -> None:
    limited = Reply(429, headers={} if header is None else {"Retry-After": header})
    with client_of(limited) as (client, server, pauses), pytest.raises(RateLimited) as caught:
        client.audio_features([ID])
    assert caught.value.retry_after_s == 60.0
    assert len(server.seen) == RETRY.attempts
    assert len(pauses) == RETRY.attempts - 1
    assert sum(pauses) < 15, "the labelling lock is held meanwhile"


def test_repeated_waits_end_before_they_hold_up_other_runs() -> None:
    with client_of(Reply(429, headers={"Retry-After": "40"})) as (client, _, pauses), pytest.raises(RateLimited):
        client.audio_features([ID])
    assert 40 < sum(pauses) < 90


def test_pauses_grow_and_are_jittered() -> None:
    with client_of(Reply(503)) as (client, _, pauses), pytest.raises(Unavailable):
        client.audio_features([ID])
    assert [0.25 <= pause <= longest for pause, longest in zip(pauses, (0.5, 1.0, 2.0, 4.0), strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("reply", "error", "requests"),
    [
        (Reply(500), Unavailable, RETRY.attempts),
        (Reply(502, "<html>bad gateway</html>"), Unavailable, RETRY.attempts),
        (Reply(408), Unavailable, RETRY.attempts),
        (Reply(403, "error code: 1010"), AccessDenied, 1),
        (Reply(404, "nothing here"), UnexpectedPayload, 1),
        (Reply(301, headers={"Location": "https://x.example/"}), UnexpectedPayload, 1),
        (Reply(204, b""), UnexpectedPayload, 1),
        (Reply(200, "<html>maintenance</html>"), UnexpectedPayload, RETRY.attempts),
        (Reply(200, b"\xff\xfe\x00"), UnexpectedPayload, RETRY.attempts),
        (Reply(200, "[" * 100_000), UnexpectedPayload, 1),
        (Reply(200, {"content": [None]}), UnexpectedPayload, 1),
        (Reply(200, {"items": []}), UnexpectedPayload, 1),
        (Reply(200, {"content": []}, cut=3), Unavailable, RETRY.attempts),
    ],
)
def test_an_odd_answer_is_an_error_of_its_kind_in_one_line(
    reply: Reply, error: type[SourceError], requests: int
) -> None:
    with client_of(reply) as (client, server, _), pytest.raises(error) as caught:
        client.audio_features([ID])
    assert caught.value.source == "reccobeats"
    assert len(server.seen) == requests
    assert "\n" not in caught.value.message


def picky(unreadable: set[str]) -> Callable[[Seen], Reply]:
    """A service that refuses every request with an id in ``unreadable`` and knows all others."""

    def answer(seen: Seen) -> Reply:
        ids = seen.query["ids"].split(",")
        if unreadable.intersection(ids):
            return Reply(400, {"status": 4003, "errors": [{"path": "ids", "message": "unreadable"}]})
        return Reply(body={"content": [{"id": "u", "href": f"https://open.spotify.com/track/{each}"} for each in ids]})

    return answer


@given(unreadable=st.sets(st.integers(0, 39), max_size=2))
@example(unreadable={19, 39})
@settings(max_examples=15, deadline=None)
def test_an_id_that_the_service_cannot_read_costs_its_neighbours_nothing(unreadable: set[int]) -> None:
    ids = [f"{n:022d}" for n in range(40)]
    with (
        serving(answer=picky({ids[n] for n in unreadable})) as server,
        ReccoBeatsClient(server.url) as client,
    ):
        entries = client.audio_features(ids)
    assert [entry.track_id for entry in entries] == [each for n, each in enumerate(ids) if n not in unreadable]
    assert len(server.seen) <= 25


def test_a_service_that_refuses_everything_is_not_asked_for_ever() -> None:
    ids = [f"{n:022d}" for n in range(40)]
    with (
        serving(answer=picky(set(ids))) as server,
        ReccoBeatsClient(server.url) as client,
        pytest.raises(UnexpectedPayload, match="400") as caught,
    ):
        client.audio_features(ids)
    assert "4003" in caught.value.excerpt
    assert len(server.seen) <= 14


def test_what_was_unexpected_is_kept_in_short() -> None:
    with client_of(Reply(404, "nothing here " * 100)) as (client, _, _), pytest.raises(UnexpectedPayload) as caught:
        client.audio_features([ID])
    assert caught.value.excerpt.startswith("nothing here")
    assert len(caught.value.excerpt) == 200


def test_a_service_that_hangs_is_unavailable() -> None:
    impatient = httpx.Timeout(60, read=0.05)
    with (
        client_of(Reply(delay_s=0.3), timeout=impatient) as (client, _, _),
        pytest.raises(Unavailable, match="in time"),
    ):
        client.audio_features([ID])


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with serving(GOOD) as server:
        address = server.url
    with (
        ReccoBeatsClient(address, retry=replace(RETRY, sleep=lambda _: None)) as client,
        pytest.raises(Unavailable, match="reached"),
    ):
        client.audio_features([ID])


def test_every_request_is_in_the_ledger() -> None:
    ledger = NotingLedger()
    limited = Reply(429, headers={"Retry-After": "3"})
    with client_of(limited, Reply(503), GOOD, ledger=ledger) as (client, _, _):
        client.audio_features([ID])
        client.tracks([ID])
    assert ledger.before == [AUDIO_FEATURES, AUDIO_FEATURES, AUDIO_FEATURES, TRACK]
    assert ledger.after == [
        (AUDIO_FEATURES, 429, 3.0),
        (AUDIO_FEATURES, 503, None),
        (AUDIO_FEATURES, 200, None),
        (TRACK, 200, None),
    ]


def test_a_request_without_an_answer_is_in_the_ledger_too() -> None:
    ledger = NotingLedger()
    with client_of(Reply(cut=0), GOOD, ledger=ledger) as (client, _, _):
        client.audio_features([ID])
    assert ledger.after == [(AUDIO_FEATURES, 0, None), (AUDIO_FEATURES, 200, None)]


def test_what_the_ledger_refuses_is_not_asked() -> None:
    with client_of(GOOD, ledger=NotingLedger(budget=0)) as (client, server, pauses), pytest.raises(QuotaExceeded):
        client.audio_features([ID])
    assert (server.seen, pauses) == ([], [])


def test_spotify_describes_the_features_under_our_names_and_ranges(shared: Path) -> None:
    text = (shared / "contracts" / "spotify-web-api.yml").read_text(encoding="utf-8")
    fields = yaml.safe_load(text)["components"]["schemas"]["AudioFeaturesObject"]["properties"]
    assert set(FEATURES) <= set(fields)
    for name, allowed in FEATURE_RANGES.items():
        assert allowed.minimum <= fields[name].get("minimum", allowed.minimum)
        assert fields[name].get("maximum", allowed.maximum) <= allowed.maximum


@pytest.fixture(scope="module")
def description(shared: Path) -> dict[str, Any]:
    text = (shared / "contracts" / "reccobeats-third-party.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_our_request_for_tracks_is_in_the_description(description: dict[str, Any]) -> None:
    with client_of(GOOD) as (client, server, _):
        client.tracks([ID])
    path = server.seen[0].path.removeprefix("/v1")
    parameters = {each["name"] for each in description["paths"][path]["get"]["parameters"]}
    assert set(server.seen[0].query) <= parameters


def test_the_standins_tracks_are_what_is_described(description: dict[str, Any]) -> None:
    fields = description["components"]["schemas"]["Track"]["properties"]
    types = {"string": str, "integer": int, "array": list}
    with StandIn(listeners=1) as standin, ReccoBeatsClient(standin.reccobeats_url) as client:
        now = standin.clock.now_ms()
        known = [s.track_id for s in standin.world.catalogue.songs if s.known_from_ms and s.known_from_ms <= now]
        entries = client.tracks(known[:40])
    assert len(entries) == 40
    for entry in entries:
        for name, value in entry.values.items():
            assert value is None or isinstance(value, types[fields[name]["type"]])


def test_the_standins_features_have_the_described_names(description: dict[str, Any]) -> None:
    described = set(description["components"]["schemas"]["AudioFeatures"]["properties"])
    with StandIn(listeners=1) as standin, ReccoBeatsClient(standin.reccobeats_url) as client:
        now = standin.clock.now_ms()
        known = [s.track_id for s in standin.world.catalogue.songs if s.known_from_ms and s.known_from_ms <= now]
        entries = client.audio_features(known[:40])
    assert all(described <= set(entry.values) for entry in entries)

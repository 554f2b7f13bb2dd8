"""Whatever ReccoBeats answers: found features that can be stored, dated misses, or one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.records import Track
from mood_core.features.chain import fetch_features
from mood_core.features.fetch_report import FetchReport
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.source import by_id, by_isrc
from mood_core.features.spotify import SpotifySource
from mood_core.http.retry import RetryPolicy
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.fetch_features import fetch_for
from mood_core.usecases.quarantine import quarantine_responses
from tests.contract.spotify_fakes import Reply, serving
from tests.fuzz.hostile import bodies, check_sentence, corrupted, fuzz, values
from tests.fuzz.test_fuzz_spotify import Service, header_texts, retry_afters, statuses
from tests.unit.features_fakes import Availability

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TRACKS = [
    Track("11dFghVXANMlKmJXsNCbNl", "One", ("A",), isrc="USUM71703861"),
    Track("2takcwOaAZWiXQijPHIx7B", "Two", ("B",)),
    Track("spotify:local:a:b:c:1", "Three", ()),
]
_ENTRY: dict[str, Any] = {
    "id": "0a1b", "href": "https://open.spotify.com/track/11dFghVXANMlKmJXsNCbNl", "isrc": "USUM71703861",
    "acousticness": 0.1, "danceability": 0.2, "energy": 0.3, "instrumentalness": 0.0, "key": 5, "liveness": 0.1,
    "loudness": -7.5, "mode": 1, "speechiness": 0.05, "tempo": 121.0, "valence": 0.6, "durationMs": 200_000,
}  # fmt: skip
ANSWER = {"content": [_ENTRY, {**_ENTRY, "href": "https://open.spotify.com/track/2takcwOaAZWiXQijPHIx7B"}]}


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Service, str]]:
    """A server whose response can be set, and its address."""
    played = Service()
    with serving(answer=played.answer) as server:
        yield played, server.url


@given(body=bodies(ANSWER), status=statuses, retry_after=st.none() | retry_afters | header_texts)
@fuzz(20)
def test_any_answer(
    service: tuple[Service, str], migrated: Database, tmp_path: Path, body: bytes, status: int, retry_after: str | None
) -> None:
    played, url = service
    played.reply = Reply(status=status, body=body, headers={"Retry-After": retry_after} if retry_after else {})
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(TRACKS, to_table(TRACKS, _TRACKS), now=NOW)
    rows = FeatureRows(migrated)
    with ReccoBeatsClient(url, retry=RetryPolicy(sleep=lambda _: None)) as client:
        report = fetch_for(_TRACKS, [by_id(client, need_durations=True), by_isrc(client)], rows, batches, now=NOW)
    _check(report)
    quarantine_responses(report.quarantined, tmp_path / "quarantine", now=NOW)
    assert batches.finish(now=NOW) == 0


@given(entries=st.lists(corrupted(_ENTRY) | values, max_size=3) | values)
@fuzz(100)
def test_any_entries_of_spotifys_features(entries: Any) -> None:
    report = FetchReport()
    source = SpotifySource(lambda _ids: entries)
    list(fetch_features(_TRACKS, [source], {}, NOW, availability=Availability(), report=report))
    _check(report)


def _check(report: FetchReport) -> None:
    for stopped in [*report.stopped, *report.denied]:
        check_sentence(stopped.reason)
    for answer in report.quarantined:
        check_sentence(answer.reason)

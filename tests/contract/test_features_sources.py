"""One suite that every feature source passes: files as files, services over HTTP against the stand-in, with faults.

A new source joins by one function in ``RIGS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from mood_core.domain.records import Track
from mood_core.domain.vectors import NINE
from mood_core.errors import AccessDenied, QuotaExceeded, RateLimited, SourceError, Unavailable, UnexpectedPayload
from mood_core.features.catalog.source import CatalogSource
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.source import by_id, by_isrc
from mood_core.features.source import FeatureSource, service_of
from mood_core.features.spotify import SpotifySource
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.tokens import TokenCipher
from mood_core.testing.feature_source_contract import AT, FeatureSourceContract, SourceUnderTest
from standin import Fault, StandIn
from standin.songs import Song
from tests.contract.spotify_fakes import MemoryTokens, app_at, token

NOBODY = [Track(f"{n:022d}", "Unheard", ("Nobody",), isrc=f"ZZZZZ26{n:05d}") for n in range(120)]


@dataclass
class Rig:
    """A source, the tracks it knows with their true values, and its service where it has one."""

    source: FeatureSource
    known: list[Track]
    truth: dict[str, dict[str, float]]
    standin: StandIn | None = None
    endpoint: str = ""

    def calls(self) -> int:
        assert self.standin is not None
        return self.standin.calls.count(self.endpoint)


def as_track(song: Song) -> Track:
    return Track(song.track_id, song.name, tuple(artist.name for artist in song.artists), isrc=song.isrc)


def truth_of(songs: list[Song]) -> dict[str, dict[str, float]]:
    return {song.track_id: {name: getattr(song.features, name) for name in NINE} for song in songs}


def recordings(standin: StandIn) -> list[Song]:
    """Songs that ReccoBeats knows by id, as only releases of their recordings."""
    catalogue = standin.world.catalogue
    now = standin.clock.now_ms()
    return [
        song
        for song in catalogue.songs
        if song.known_from_ms is not None and song.known_from_ms <= now and len(catalogue.by_isrc[song.isrc]) == 1
    ]


def siblings(standin: StandIn) -> list[Song]:
    """Songs that ReccoBeats knows only by another release of the same recording."""
    catalogue = standin.world.catalogue
    now = standin.clock.now_ms()
    known = {s.isrc for s in catalogue.songs if s.known_from_ms is not None and s.known_from_ms <= now}
    return [song for song in catalogue.songs if song.known_from_ms is None and song.isrc in known]


def catalog_csv(standin: StandIn, tmp: Path, _stack: ExitStack) -> Rig:
    songs = recordings(standin)[:150]
    arrow_csv.write_csv(_table(songs), tmp / "features.csv")
    source = CatalogSource([str(tmp / "features.csv")], tmp / "cache")
    return Rig(source, [as_track(song) for song in songs], truth_of(songs))


def catalog_parquet(standin: StandIn, tmp: Path, _stack: ExitStack) -> Rig:
    songs = recordings(standin)[:150]
    parquet.write_table(_table(songs), tmp / "features.parquet")
    source = CatalogSource([str(tmp)], tmp / "cache")
    return Rig(source, [as_track(song) for song in songs], truth_of(songs))


def spotify(standin: StandIn, _tmp: Path, stack: ExitStack) -> Rig:
    songs = [song for song in standin.world.catalogue.songs if not song.is_local][:150]
    issued = standin.issue_tokens(standin.listeners[0].account_id)
    clients = SpotifyClients(
        app_at(standin.spotify_api_url, standin.accounts_url),
        MemoryTokens(),
        TokenCipher([TokenCipher.generate_key()]),
        retry=RetryPolicy(sleep=lambda _: None),
    )
    client = stack.enter_context(clients).for_token(token(issued["access_token"], issued["refresh_token"]))
    known = [as_track(song) for song in songs]
    return Rig(SpotifySource(client.audio_features), known, truth_of(songs), standin, "audio_features")


def reccobeats_by_id(standin: StandIn, _tmp: Path, stack: ExitStack) -> Rig:
    songs = recordings(standin)[:150]
    client = stack.enter_context(ReccoBeatsClient(standin.reccobeats_url, retry=RetryPolicy(sleep=lambda _: None)))
    known = [as_track(song) for song in songs]
    return Rig(by_id(client), known, truth_of(songs), standin, "reccobeats_audio_features")


def reccobeats_by_isrc(standin: StandIn, _tmp: Path, stack: ExitStack) -> Rig:
    songs = (siblings(standin) + recordings(standin))[:150]
    client = stack.enter_context(ReccoBeatsClient(standin.reccobeats_url, retry=RetryPolicy(sleep=lambda _: None)))
    known = [as_track(song) for song in songs]
    return Rig(by_isrc(client), known, truth_of(songs), standin, "reccobeats_audio_features")


LOCAL = (catalog_csv, catalog_parquet)
REMOTE = (spotify, reccobeats_by_id, reccobeats_by_isrc)
RIGS = LOCAL + REMOTE
Build = Callable[[StandIn, Path, ExitStack], Rig]


def _table(songs: list[Song]) -> pa.Table:
    columns = {name: [getattr(song.features, name) for song in songs] for name in NINE}
    durations = [song.duration_ms for song in songs]
    return pa.table({"track_id": [song.track_id for song in songs], "duration_ms": durations, **columns})


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=1, audio_features=True, now=datetime(2026, 11, 20, tzinfo=UTC)) as running:
        yield running


@pytest.fixture
def rig(request: pytest.FixtureRequest, standin: StandIn, tmp_path: Path) -> Iterator[Rig]:
    standin.faults.clear()
    build: Build = request.param
    with ExitStack() as stack:
        made = build(standin, tmp_path, stack)
        standin.calls.clear()
        yield made
    standin.faults.clear()


def named(build: Build) -> str:
    return getattr(build, "__name__", "rig")


every_source = pytest.mark.parametrize("rig", RIGS, ids=named, indirect=True)
every_service = pytest.mark.parametrize("rig", REMOTE, ids=named, indirect=True)


@every_source
class TestContract(FeatureSourceContract):
    """What moodlog's own sources and those of plug-ins have in common."""

    @pytest.fixture
    def subject(self, rig: Rig) -> SourceUnderTest:
        return SourceUnderTest(rig.source, rig.known, rig.truth, NOBODY)


@every_source
def test_only_a_service_is_remote(rig: Rig) -> None:
    assert rig.source.remote is (rig.standin is not None)


@every_service
def test_asking_about_nothing_costs_no_call(rig: Rig) -> None:
    rig.source.fetch([], AT)
    assert rig.calls() == 0


@every_service
def test_a_full_batch_is_one_call(rig: Rig) -> None:
    batch = (rig.known + NOBODY)[: rig.source.batch_size]
    rig.source.fetch(batch, AT)
    assert rig.calls() == 1


@every_service
def test_it_calls_itself_by_its_own_name(rig: Rig) -> None:
    rig.source.fetch(rig.known[:1], AT)
    assert rig.standin is not None
    if rig.endpoint.startswith("reccobeats"):
        assert {call.user_agent.partition("/")[0] for call in rig.standin.calls.entries()} == {"moodlog"}


@every_service
@pytest.mark.parametrize(
    "fault",
    [
        Fault("server_error", times=2),
        Fault("server_error", status=500),
        Fault("cut_before_answer"),
        Fault("cut_mid_body"),
        Fault("rate_limited", retry_after_s=5),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_short_troubles_are_waited_out(rig: Rig, fault: Fault) -> None:
    assert rig.standin is not None
    rig.standin.faults.add(fault)
    assert len(rig.source.fetch(rig.known[:3], AT).found) == 3
    assert rig.calls() == 1 + (fault.times or 0)


@every_service
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("server_error", times=None), Unavailable),
        (Fault("cut_before_answer", times=None), Unavailable),
        (Fault("cut_mid_body", times=None), Unavailable),
        (Fault("forbidden", times=None), AccessDenied),
        (Fault("malformed_json", times=None), UnexpectedPayload),
        (Fault("empty_body", times=None), UnexpectedPayload),
        (Fault("wrong_shape", times=None), UnexpectedPayload),
        (Fault("wrong_shape", times=None, body="[]"), UnexpectedPayload),
        (Fault("wrong_shape", times=None, body='{"content": "none", "audio_features": "none"}'), UnexpectedPayload),
    ],
    ids=lambda each: f"{each.kind}-{each.body}" if isinstance(each, Fault) else each.__name__,
)
def test_lasting_troubles_are_errors_of_the_source_and_never_misses(
    rig: Rig, fault: Fault, error: type[SourceError]
) -> None:
    assert rig.standin is not None
    rig.standin.faults.add(fault)
    with pytest.raises(error) as caught:
        rig.source.fetch(rig.known[:3], AT)
    assert caught.value.source == service_of(rig.source.name)
    assert 1 <= rig.calls() <= 6


@every_service
def test_a_long_wait_is_handed_up_at_once(rig: Rig) -> None:
    assert rig.standin is not None
    rig.standin.faults.add(Fault("rate_limited", times=None, retry_after_s=7200))
    with pytest.raises((RateLimited, QuotaExceeded)) as caught:
        rig.source.fetch(rig.known[:3], AT)
    assert caught.value.retry_after_s == pytest.approx(7200, abs=1)
    assert rig.calls() == 1

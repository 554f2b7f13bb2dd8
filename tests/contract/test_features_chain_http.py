"""The chain against the stand-in over HTTP: how many calls a history costs, in order, with faults and in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from mood_core.domain.feature_misses import NOT_A_TRACK
from mood_core.domain.records import Track, TrackKind
from mood_core.features.chain import fetch_features
from mood_core.features.fetch_report import FetchReport
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.registry import SourceParts, build_sources
from mood_core.features.source import FeatureSource
from mood_core.http.retry import RetryPolicy
from standin import Fault, StandIn
from standin.songs import Song
from tests.unit.features_fakes import AT, Availability, Memory

FEATURES_CALL, TRACK_CALL = "reccobeats_audio_features", "reccobeats_track"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=11, listeners=1, catalogue_size=1000, now=datetime(2026, 11, 20, tzinfo=UTC)) as running:
        yield running


@pytest.fixture
def client(standin: StandIn) -> Iterator[ReccoBeatsClient]:
    with ReccoBeatsClient(standin.reccobeats_url, retry=RetryPolicy(sleep=lambda _: None)) as made:
        yield made


def as_track(song: Song) -> Track:
    kind = TrackKind.LOCAL if song.is_local else TrackKind.TRACK
    return Track(song.track_id, song.name, ("Artist",), isrc=song.isrc or None, kind=kind)


def known_now(standin: StandIn) -> set[str]:
    now = standin.clock.now_ms()
    songs = standin.world.catalogue.songs
    return {song.track_id for song in songs if song.known_from_ms is not None and song.known_from_ms <= now}


def with_siblings(standin: StandIn, known: set[str]) -> set[str]:
    """The ``known`` tracks and the other releases of their recordings."""
    songs = standin.world.catalogue.songs
    codes = {song.isrc for song in songs if song.track_id in known}
    return {song.track_id for song in songs if song.isrc in codes}


def run(
    wanted: Sequence[Track],
    sources: Sequence[FeatureSource],
    memory: Memory,
    at: datetime = AT,
    *,
    stop_after: int | None = None,
) -> FetchReport:
    report = FetchReport()
    waiting = [track for track in wanted if track.track_id not in memory.found]
    results = fetch_features(waiting, sources, memory.past_misses, at, availability=Availability(), report=report)
    for result in islice(results, stop_after):
        memory.store(result)
    return report


def test_a_history_costs_one_call_per_forty_tracks(standin: StandIn, client: ReccoBeatsClient) -> None:
    wanted = [replace(as_track(song), isrc=None) for song in standin.world.catalogue.songs if not song.is_local]
    memory = Memory()
    run(wanted, build_sources(["reccobeats"], SourceParts(reccobeats=client)), memory)
    known = known_now(standin)
    missed = len(wanted) - len(known)
    assert math.ceil(missed / 40) <= standin.calls.count(TRACK_CALL) <= 2 * math.ceil(missed / 40)
    assert standin.calls.count(FEATURES_CALL) <= math.ceil(len(wanted) / 40) + math.ceil(missed / 40)
    assert known < set(memory.found)


def test_recording_codes_cost_one_call_per_forty_missed_recordings_more(
    standin: StandIn, client: ReccoBeatsClient
) -> None:
    songs = [song for song in standin.world.catalogue.songs if not song.is_local]
    memory = Memory()
    report = run(list(map(as_track, songs)), build_sources(["reccobeats"], SourceParts(reccobeats=client)), memory)
    known = known_now(standin)
    missed = {song.isrc for song in songs if song.track_id not in known}
    assert standin.calls.count(FEATURES_CALL) == math.ceil(len(songs) / 40) + math.ceil(len(missed) / 40)
    codes = {song.isrc for song in songs if song.track_id in known}
    by_code = {song.track_id for song in songs if song.isrc in codes and song.track_id not in known}
    assert by_code
    assert {each.track_id for each in memory.found.values() if each.source == "reccobeats:isrc"} == by_code
    assert (report.stopped, report.quarantined) == ([], [])


def test_known_tracks_and_fresh_misses_cost_nothing(standin: StandIn, client: ReccoBeatsClient) -> None:
    wanted = list(map(as_track, standin.world.catalogue.songs))
    sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
    memory = Memory()
    run(wanted, sources, memory)
    standin.calls.clear()
    run(wanted, sources, memory, AT + timedelta(hours=20))
    assert standin.calls.count() == 0
    local = {song.track_id for song in standin.world.catalogue.songs if song.is_local}
    assert {key[0] for key, miss in memory.misses.items() if miss.reason == NOT_A_TRACK} == local


def test_what_becomes_known_is_found_when_it_is_due(standin: StandIn, client: ReccoBeatsClient) -> None:
    wanted = list(map(as_track, standin.world.catalogue.songs))
    sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
    memory = Memory()
    run(wanted, sources, memory)
    before = set(memory.found)
    assert before == with_siblings(standin, known_now(standin))
    standin.clock.advance(timedelta(days=200))
    run(wanted, sources, memory, AT + timedelta(days=200))
    assert before < set(memory.found) == with_siblings(standin, known_now(standin))


@pytest.mark.parametrize("stop_after", [0, 1, 7, 24])
def test_a_stopped_run_is_resumed_with_nothing_asked_twice(
    standin: StandIn, client: ReccoBeatsClient, stop_after: int
) -> None:
    wanted = [as_track(song) for song in standin.world.catalogue.songs if not song.is_local]
    sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
    whole, pieces = Memory(), Memory()
    run(wanted, sources, whole)
    undisturbed = standin.calls.count(FEATURES_CALL)
    standin.calls.clear()
    run(wanted, sources, pieces, stop_after=stop_after)
    run(wanted, sources, pieces, AT + timedelta(minutes=10))
    ids = [each for call in standin.calls.entries() for each in call.query.removeprefix("ids=").split("%2C")]
    assert len(ids) == len(set(ids))
    assert standin.calls.count(FEATURES_CALL) <= undisturbed + 1  # the piece's last call may be a short one
    assert pieces.found.keys() == whole.found.keys()


def test_a_long_wait_ends_the_run_early_and_loses_nothing(standin: StandIn, client: ReccoBeatsClient) -> None:
    wanted = [as_track(song) for song in standin.world.catalogue.songs if not song.is_local]
    sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
    standin.faults.add(Fault("rate_limited", endpoint=FEATURES_CALL, skip=5, retry_after_s=3000))
    memory = Memory()
    report = run(wanted, sources, memory)
    assert [(each.service, each.retry_after_s) for each in report.stopped] == [("reccobeats", 3000.0)]
    assert len(memory.found) + len(memory.misses) == 200
    run(wanted, sources, memory, AT + timedelta(hours=1))
    assert known_now(standin) <= set(memory.found)


def test_a_malformed_answer_costs_its_own_batch_alone(standin: StandIn, client: ReccoBeatsClient) -> None:
    wanted = [replace(as_track(song), isrc=None) for song in standin.world.catalogue.songs if not song.is_local]
    sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
    standin.faults.add(Fault("wrong_shape", endpoint=FEATURES_CALL, skip=3))
    memory = Memory()
    report = run(wanted, sources, memory)
    assert [len(each.track_ids) for each in report.quarantined] == [40]
    aside = set(report.quarantined[0].track_ids)
    assert aside.isdisjoint(memory.found)
    assert aside.isdisjoint(track_id for track_id, _ in memory.misses)
    run(wanted, sources, memory, AT + timedelta(minutes=1))
    assert set(memory.found) == with_siblings(standin, known_now(standin))


def test_lengths_cost_at_most_one_call_per_forty_more(standin: StandIn, client: ReccoBeatsClient) -> None:
    songs = [song for song in standin.world.catalogue.songs if not song.is_local]
    wanted = [replace(as_track(song), isrc=None) for song in songs]
    wanted[:400] = [replace(track, duration_ms=200_000) for track in wanted[:400]]
    memory = Memory()
    parts = SourceParts(reccobeats=client, need_durations=True)
    sources = build_sources(["reccobeats"], parts)
    run(wanted, sources[:1], memory)
    assert standin.calls.count(FEATURES_CALL) == math.ceil(len(wanted) / 40)
    assert 0 < standin.calls.count(TRACK_CALL) <= math.ceil(len(wanted[400:]) / 40)
    truth = {song.track_id: song.duration_ms for song in songs}
    for track in wanted[400:]:
        if track.track_id in memory.found:
            assert memory.found[track.track_id].duration_ms == truth[track.track_id]


def test_the_person_s_own_files_come_first_and_cost_no_call(
    standin: StandIn, client: ReccoBeatsClient, tmp_path: Path
) -> None:
    song = next(song for song in standin.world.catalogue.songs if song.track_id in known_now(standin))
    values = song.features._asdict()
    row = ",".join(str(values[name]) for name in values)
    own = tmp_path / "own.csv"
    own.write_text(f"id,{','.join(values)}\n{song.track_id},{row}\n", encoding="utf-8")
    parts = SourceParts(catalog=[str(own)], catalog_cache=tmp_path / "cache", reccobeats=client)
    memory = Memory()
    run([as_track(song)], build_sources(["catalog", "spotify", "reccobeats"], parts), memory)
    assert memory.found[song.track_id].source == "catalog:own.csv"
    assert standin.calls.count() == 0

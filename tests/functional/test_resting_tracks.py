"""Tracks with recent feature misses of every source are skipped in SQL, by the same rule as in the chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.domain.feature_misses import (
    ANY_SOURCE,
    LATEST_PLAUSIBLE,
    NO_ISRC,
    NOT_A_TRACK,
    UNKNOWN,
    WAITS_AFTER_MISSES,
)
from mood_core.domain.records import FeatureMiss, Track, TrackKind, to_ms
from mood_core.features.chain import fetch_features as walk
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import FEATURE_MISSES, TRACKS
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.fetch_features import fetch_features
from tests.store_data import NOW
from tests.unit.features_fakes import FakeSource

BY_ID, BY_ISRC = "fake", "fake:isrc"
_TICK = timedelta(milliseconds=1)

Miss = tuple[str, int, timedelta]


def misses() -> Iterator[Miss | None]:
    """None, and misses on both sides of each moment that counts: reason, how many, how long ago."""
    yield None
    for count, wait in ((1, WAITS_AFTER_MISSES[0]), (2, WAITS_AFTER_MISSES[1]), (6, WAITS_AFTER_MISSES[-1])):
        for age in (wait, wait - _TICK, -LATEST_PLAUSIBLE, -LATEST_PLAUSIBLE - _TICK):
            yield UNKNOWN, count, age


def sources() -> list[FakeSource]:
    """By id, and by recording code."""
    return [FakeSource(BY_ID), FakeSource(BY_ISRC, refuses=lambda track: None if track.isrc else NO_ISRC)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def rows(migrated: Database, lake: Lake) -> FeatureRows:
    """A database with a track for each pair of misses by two sources, with a recording code and without."""
    batches, facts = Batches(lake, migrated), dict[Track, dict[str, Miss | None]]()
    no_code = (NO_ISRC, 1, timedelta(hours=1))
    by_code: dict[str | None, list[Miss | None]] = {None: [None, no_code], "code": [*misses(), no_code]}
    for isrc, first in product(by_code, misses()):
        for second in by_code[isrc]:
            track = Track(f"track{len(facts)}", "x", ("x",), isrc=isrc and f"{isrc}{len(facts)}")
            facts[track] = {BY_ID: first, BY_ISRC: second}
    local, unheard = [Track(f"spotify:local:a:b:{t}:9", "x", ("x",), kind=TrackKind.LOCAL) for t in "cd"]
    facts |= {local: {}, unheard: {}}
    batches.add(TRACKS, to_table(TRACKS, list(facts)), now=NOW)
    reported = [FeatureMiss(local.track_id, ANY_SOURCE, NOT_A_TRACK, NOW)]
    reported += [
        FeatureMiss(track.track_id, name, UNKNOWN, NOW) for track, by in facts.items() for name, m in by.items() if m
    ]
    batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, reported), now=NOW)
    _date(migrated, [(track.track_id, name, miss) for track, by in facts.items() for name, miss in by.items() if miss])
    return FeatureRows(migrated)


def _date(database: Database, dated: list[tuple[str, str, Miss]]) -> None:
    statement = text(
        "UPDATE feature_misses SET reason = :reason, misses = :count, last_missed_at_ms = :at"
        " WHERE track_key = (SELECT track_key FROM tracks WHERE track_id = :track)"
        " AND source_key = (SELECT source_key FROM sources WHERE source = :source)"
    )
    values = [
        {"track": track, "source": source, "reason": reason, "count": count, "at": to_ms(NOW - age)}
        for track, source, (reason, count, age) in dated
    ]
    with database.write() as connection:
        connection.execute(statement, values)


def test_tracks_that_the_chain_looks_up_are_not_skipped(rows: FeatureRows, migrated: Database, lake: Lake) -> None:
    everything, chain = rows.tracks_without_features(), sources()
    misses = rows.past_misses([track.track_id for track in everything])
    results = list(walk(everything, chain, misses, NOW, availability=rows))
    reported = {miss.track_id for result in results for miss in result.misses}
    awake = rows.tracks_without_features(due=([BY_ID, BY_ISRC], NOW))
    assert {track.track_id for track in awake} == reported
    assert 40 < len(reported) < len(everything) - 40
    again = sources()
    fetch_features(again, rows, Batches(lake, migrated), now=NOW)
    assert [source.calls for source in again] == [source.calls for source in chain]


def test_asking_again_and_local_files_skip_no_track(rows: FeatureRows, migrated: Database, lake: Lake) -> None:
    batches, count = Batches(lake, migrated), len(rows.tracks_without_features())
    local, remote = FakeSource("catalog", remote=False), FakeSource(BY_ID)
    fetch_features([local, remote], rows, batches, now=NOW)
    assert sum(map(len, local.calls)) == count - 2
    assert 0 < sum(map(len, remote.calls)) < count - 2
    fetch_features([remote], rows, batches, now=NOW, ask_again=True)
    assert sum(map(len, remote.calls)) > count - 2


def test_a_source_that_denies_access_wakes_nobody(rows: FeatureRows, migrated: Database, lake: Lake) -> None:
    batches, chain = Batches(lake, migrated), sources()
    rows.mark_unavailable("denied", NOW, "403")
    fetch_features([FakeSource("denied"), *chain], rows, batches, now=NOW)
    alone = sources()
    assert sum(map(len, chain[0].calls)) > 0
    fetch_features([FakeSource("denied"), *alone], rows, batches, now=NOW)
    assert [source.calls for source in alone] == [[], []]

"""Another ISRC of a track takes back what the wrong one brought, in SQL and in the lake, and the track is looked up."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mood_core.domain.feature_misses import OTHER_DURATION
from mood_core.domain.records import FeatureMiss, Track
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, FEATURE_MISSES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.upkeep.table_digests import queues_are_right
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import NOW, all_digests, features, listens, moods, query, set_current, users

MONTH, YEAR = timedelta(days=31), timedelta(days=366)
BY_CODE, BY_ID, OF_FILE = "code", "id", "file"
SOURCES = {BY_CODE: "reccobeats:isrc", BY_ID: "reccobeats", OF_FILE: "catalog:mine"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def batches(migrated: Database, lake: Lake) -> Batches:
    """Three labelled tracks with a wrong ISRC, of which two can have been found by it."""
    batches = Batches(lake, migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    _describe(batches, "QZAAA2600001", NOW)
    batches.add(LISTENS, listens([("ada", NOW + timedelta(minutes=n), id_) for n, id_ in enumerate(SOURCES)]), now=NOW)
    _find(batches, SOURCES, "Sad", NOW)
    missed = FeatureMiss(BY_ID, SOURCES[BY_CODE], OTHER_DURATION, NOW)
    batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, [missed]), now=NOW)
    set_current(migrated, "m/1")
    return batches


def _describe(batches: Batches, isrc: str, now: datetime) -> None:
    tracks = [Track(id_, f"title {id_}", ("somebody",), duration_ms=200_000, isrc=isrc) for id_ in SOURCES]
    batches.add(TRACKS, to_table(TRACKS, tracks), now=now)


def _find(batches: Batches, found: dict[str, str], mood: str, now: datetime) -> None:
    named = pa.array(list(found.values())).dictionary_encode()
    values = features(list(found), now)
    values = values.set_column(values.schema.get_field_index("source"), AUDIO_FEATURES.schema.field("source"), named)
    batches.add(AUDIO_FEATURES, values, now=now)
    labels = moods(dict.fromkeys(found, mood), at=now)
    labels = labels.set_column(labels.schema.get_field_index("feature_source"), "feature_source", named)
    batches.add(MOODS, labels, now=now)


def _moods(database: Database) -> dict[str, str]:
    return dict(query(database, "SELECT track_id, mood FROM mood_history"))


def _waiting(database: Database) -> set[str]:
    return {id_ for (id_,) in query(database, "SELECT track_id FROM _feature_queue JOIN tracks USING (track_key)")}


def _check(batches: Batches) -> None:
    """SQL equals the lake, and what a rebuild makes of it."""
    database, before = batches.database, all_digests(batches.database)
    assert not verify(batches.lake, database, now=NOW + YEAR, deep=True).findings
    rebuild(batches.lake, database, now=NOW + YEAR)
    assert all_digests(database) == before
    with database.read() as connection:
        assert all(queues_are_right(connection).values())


def test_what_a_replaced_isrc_brought_is_taken_back_and_looked_for_again(batches: Batches, lake: Lake) -> None:
    database = batches.database
    assert _moods(database) == dict.fromkeys(SOURCES, "Sad")
    _describe(batches, "QZ-AAA-26-00002", NOW + MONTH)
    assert _moods(database) == {BY_CODE: None, BY_ID: "Sad", OF_FILE: None}
    assert _waiting(database) == {BY_CODE, OF_FILE}
    assert query(database, "SELECT count(*) FROM feature_misses") == [(0,)]
    assert query(database, "SELECT sum(sad), sum(unlabelled) FROM _mood_days") == [(1, 2)]
    _check(batches)
    assert _moods(database) == {BY_CODE: None, BY_ID: "Sad", OF_FILE: None}
    _find(batches, {BY_CODE: SOURCES[BY_CODE]}, "Happy", NOW + MONTH)
    assert _moods(database) == {BY_CODE: "Happy", BY_ID: "Sad", OF_FILE: None}
    _check(batches)
    compact(lake, database, now=NOW + YEAR)
    assert _ids(lake, AUDIO_FEATURES.name) == _ids(lake, MOODS.name) == [BY_CODE, BY_ID]
    assert _ids(lake, FEATURE_MISSES.name) == []
    _check(batches)
    assert _moods(database) == {BY_CODE: "Happy", BY_ID: "Sad", OF_FILE: None}


def _ids(lake: Lake, dataset: str) -> list[str]:
    return sorted(str(id_) for path in lake.paths(dataset) for id_ in lake.read(path)[1]["track_id"].to_pylist())


@pytest.mark.parametrize("isrc", ["qz-aaa-26-00001", None])
def test_the_same_isrc_in_another_spelling_or_none_changes_nothing(batches: Batches, isrc: str | None) -> None:
    track = Track(BY_CODE, f"title {BY_CODE}", ("somebody",), isrc=isrc)
    batches.add(TRACKS, to_table(TRACKS, [track]), now=NOW + MONTH)
    assert _moods(batches.database) == dict.fromkeys(SOURCES, "Sad")
    _check(batches)

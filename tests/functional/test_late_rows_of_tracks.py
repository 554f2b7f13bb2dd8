"""Rows about a forgotten person's local files and unknown names that a run writes while or after it is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mood_core.domain.records import Track
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import (
    AUDIO_FEATURES,
    ESTIMATED_FEATURES,
    LISTENS,
    MOODS,
    NAMED_PLAYS,
    RESOLUTIONS,
    TRACKS,
    USERS,
    Dataset,
)
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.collect_responses import CollectResponses
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.people.remove_everywhere import REWRITING
from tests.store_data import NOW, features, listens, moods, query, tracks, users

ADAS, BOBS = "spotify:local:Ada:Demo:Diary:200", "spotify:local:Bob:Demo:Song:200"
PLAYED = {"ada": ("diary band", "diary"), "bob": ("band", "song")}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def batches(migrated: Database, lake: Lake) -> Batches:
    """Ada and Bob have a local file each, and a pending play each."""
    batches = Batches(lake, migrated)
    batches.add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks("a", ADAS, BOBS), now=NOW)
    rows = [("ada", NOW, ADAS), ("bob", NOW, BOBS), ("bob", NOW - timedelta(hours=1), "a")]
    batches.add(LISTENS, listens(rows), now=NOW)
    for user_id, name in PLAYED.items():
        batches.add(NAMED_PLAYS, named_table(user_id, [(0, *name, 60_000)]), now=NOW)
    return batches


def _resolutions(at: datetime = NOW) -> pa.Table:
    columns = {
        "artist": [artist for artist, _ in PLAYED.values()],
        "title": [title for _, title in PLAYED.values()],
        "resolved_by": ["deezer"] * 2,
        "outcome": ["unknown"] * 2,
        "track_id": [None] * 2,
        "resolved_at": [at] * 2,
    }
    types = {field.name: field.type for field in RESOLUTIONS.schema}
    return pa.table({name: pa.array(values).cast(types[name]) for name, values in columns.items()})


def _late_rows() -> list[tuple[Dataset, pa.Table]]:
    ids = ["a", ADAS, BOBS]
    return [
        (AUDIO_FEATURES, features(ids)),
        (ESTIMATED_FEATURES, features(ids)),
        (MOODS, moods(dict.fromkeys(ids, "Calm"))),
        (RESOLUTIONS, _resolutions()),
    ]


def _forget(lake: Lake, database: Database, late: Batches | None = None) -> None:
    def write(step: str, share: float) -> None:
        if late is not None and (step, share) == (REWRITING, 0.0):
            for each, rows in _late_rows():
                late.add(each, rows, now=NOW)

    forget_person("ada", lake, database, owner="test", now=NOW, progress=write)


def _check(lake: Lake, database: Database) -> None:
    """Only Bob's rows and those of the other track are in lake and SQL."""
    for dataset, _ in _late_rows():
        rows = pa.concat_tables([lake.read(path)[1] for path in lake.paths(dataset.name)]).to_pylist()
        if dataset is RESOLUTIONS:
            assert {(row["artist"], row["title"]) for row in rows} == {PLAYED["bob"]}
        else:
            assert {row["track_id"] for row in rows} == {"a", BOBS}
    assert {each for (each,) in query(database, "SELECT track_id FROM tracks")} == {"a", BOBS}
    assert query(database, "SELECT artist FROM resolutions") == [("band",)]
    for table in ("audio_features", "estimated_features", "moods"):
        assert query(database, f"SELECT count(*) FROM {table}") == [(2,)]  # noqa: S608 - a name from this line


def test_rows_that_are_written_while_a_person_is_forgotten(batches: Batches, lake: Lake, migrated: Database) -> None:
    _forget(lake, migrated, Batches(lake, migrated))
    _check(lake, migrated)


def test_rows_that_are_written_after_a_person_was_forgotten(batches: Batches, lake: Lake, migrated: Database) -> None:
    _forget(lake, migrated)
    for dataset, rows in _late_rows():
        batches.add(dataset, rows, now=NOW)
    _check(lake, migrated)


def test_responses_that_were_kept_before_and_published_after(batches: Batches, lake: Lake, migrated: Database) -> None:
    responses = CollectResponses(FeatureRows(migrated).pending, batches, now=NOW)
    _forget(lake, migrated)
    responses.keep_tables(_late_rows()[:2])  # what a run asked for before
    responses.keep_tables(_late_rows()[3:])
    responses.publish()
    batches.add(MOODS, _late_rows()[2][1], now=NOW)
    _check(lake, migrated)
    assert query(migrated, "SELECT count(*) FROM _pending_responses") == [(0,)]


def test_names_of_stored_tracks_are_kept_as_well(batches: Batches, lake: Lake, migrated: Database) -> None:
    """Their titles stay after a person was forgotten, so the answers about them say no more of the person."""
    artist, title = PLAYED["ada"]
    batches.add(TRACKS, to_table(TRACKS, [Track("b", title.title(), (artist.upper(), "Guest"))]), now=NOW)
    batches.add(RESOLUTIONS, _resolutions(), now=NOW)
    _forget(lake, migrated)
    assert query(migrated, "SELECT count(*) FROM resolutions") == [(2,)]
    later = NOW + timedelta(hours=1)
    batches.add(RESOLUTIONS, _resolutions(later), now=later)
    assert query(migrated, "SELECT misses FROM resolutions") == [(2,), (2,)]


def test_names_of_tracks_are_kept_by_later_runs(batches: Batches, lake: Lake, migrated: Database) -> None:
    _forget(lake, migrated)
    later = NOW + timedelta(days=3)
    batches.add(RESOLUTIONS, _resolutions(later), now=later)
    assert query(migrated, "SELECT count(*) FROM resolutions") == [(2,)]

"""What the lake takes into a batch: a good row of each dataset, and that row with one value corrupted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from mood_core.errors import BatchCorrupt
from mood_core.lake.batch_files import conform
from mood_core.lake.schema import DATASETS

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE_ALL = datetime(1969, 12, 31, tzinfo=UTC)
AFTER_ALL = datetime(9500, 1, 1, tzinfo=UTC)

_SHARES = ("acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence")
GOOD: dict[str, dict[str, Any]] = {
    "forgotten": {"person_hash": "0f" * 32, "hash_key": "a1" * 32, "forgotten_at": AT, "lifted_at": None},
    "users": {
        "user_id": "ada", "display_name": "Ada", "timezone": "Europe/Berlin", "connected_at": AT, "recorded_at": AT,
    },
    "tracks": {
        "track_id": "t1", "name": "One", "artists": ["Somebody"], "album": None, "duration_ms": 1, "isrc": None,
        "release_date": None, "kind": "track",
    },
    "track_names": {"track_id": "t1", "artist": "Jemand", "title": "Eins"},
    "listens": {"user_id": "ada", "played_at": AT, "track_id": "t1", "ms_played": 0, "source": "recently_played"},
    "gaps": {
        "user_id": "ada", "starts_at": AT, "ends_at": AT.replace(hour=13), "found_at": AT, "filled_at": None,
    },
    "audio_features": {
        "track_id": "t1", **dict.fromkeys(_SHARES, 0.5), "loudness": -7.0, "tempo": 0.0, "duration_ms": None,
        "source": "catalog", "fetched_at": AT,
    },
    "feature_misses": {"track_id": "t1", "source": "catalog", "reason": "unknown", "missed_at": AT},
    "moods": {
        "track_id": "t1", "model_version": "m/1", "mood": "Calm", "p_calm": 0.7, "p_energetic": 0.1, "p_happy": 0.1,
        "p_sad": 0.1, "uncertain": False, "out_of_distribution": False, "feature_source": "catalog", "labelled_at": AT,
    },
    "named_plays": {
        "user_id": "ada", "ended_at": AT, "artist": "Somebody", "title": "One", "ms_played": 1, "track_id": None,
    },
}  # fmt: skip

CORRUPTED: list[tuple[str, dict[str, Any], str]] = [
    ("users", {"timezone": "Mars/Olympus"}, "Mars.Olympus"),
    ("users", {"display_name": "A\0da"}, "display_name with a NUL"),
    ("users", {"user_id": "a" * 2001}, "user_id of more than 2000 bytes"),
    ("users", {"user_id": None}, "no user_id"),
    ("tracks", {"kind": "podcast"}, "kind that is not one of track, local"),
    ("tracks", {"duration_ms": 0}, "duration_ms out of range"),
    ("tracks", {"artists": ["Some\0body"]}, "artists with a NUL"),
    ("track_names", {"title": "x" * 1001}, "title of more than 1000 bytes"),
    ("listens", {"played_at": BEFORE_ALL}, "played_at out of range"),
    ("listens", {"played_at": AFTER_ALL}, "played_at out of range"),
    ("listens", {"ms_played": -1}, "ms_played out of range"),
    ("gaps", {"ends_at": AT}, "ends before it starts"),
    ("gaps", {"found_at": BEFORE_ALL}, "found_at out of range"),
    *(("audio_features", {name: value}, f"{name} out of range") for name in _SHARES for value in (-0.1, 1.1)),
    ("audio_features", {"energy": float("nan")}, "energy out of range"),
    ("audio_features", {"loudness": 21.0}, "loudness out of range"),
    ("audio_features", {"tempo": 401.0}, "tempo out of range"),
    ("moods", {"mood": "Angry"}, "mood that is not one of"),
    ("moods", {"p_calm": 1.1}, "p_calm out of range"),
    ("moods", {"p_calm": 0.8}, "do not add up to 1"),
    ("moods", {"p_sad": 0.0}, "do not add up to 1"),
    ("named_plays", {"title": "x" * 1001}, "title of more than 1000 bytes"),
    ("named_plays", {"ms_played": -1}, "ms_played out of range"),
]


def _rows(dataset: str, *rows: dict[str, Any]) -> pa.Table:
    schema = DATASETS[dataset].schema
    columns = {}
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        columns[field.name] = pa.array([row.get(field.name) for row in rows], kind)
    return pa.table(columns)


@pytest.mark.parametrize("dataset", GOOD)
def test_a_good_row_is_taken(dataset: str) -> None:
    assert conform(DATASETS[dataset], _rows(dataset, GOOD[dataset])).num_rows == 1


@pytest.mark.parametrize(
    ("dataset", "change", "words"), CORRUPTED, ids=[f"{each[0]}-{each[1]}"[:60] for each in CORRUPTED]
)
def test_one_corrupted_value_is_refused_by_its_name(dataset: str, change: dict[str, Any], words: str) -> None:
    with pytest.raises(BatchCorrupt, match=words):
        conform(DATASETS[dataset], _rows(dataset, GOOD[dataset] | change))


@pytest.mark.parametrize("dataset", ["users", "tracks", "gaps", "feature_misses", "named_plays"])
def test_two_rows_of_one_key_are_refused_where_sql_could_not_take_both(dataset: str) -> None:
    with pytest.raises(BatchCorrupt, match="a duplicate key"):
        conform(DATASETS[dataset], _rows(dataset, GOOD[dataset], GOOD[dataset]))

"""The parts of the lake that a worker of Spark labels, read without Spark."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake, open_lake
from mood_core.lake.row_groups import row_groups
from mood_core.lake.schema import AUDIO_FEATURES
from mood_core.spark.parts import Part
from tests.store_data import NOW, features

_TRACKS = [f"t{number}" for number in range(6)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def _written(lake: Lake, durations: list[int | None], days: int = 0) -> str:
    table = features(_TRACKS, NOW)
    place = table.schema.get_field_index("duration_ms")
    table = table.set_column(place, "duration_ms", pa.array(durations, pa.int32()))
    return lake.write(AUDIO_FEATURES, table, created_at=NOW + timedelta(days=days)).path


def test_a_footer_says_which_tracks_a_row_group_has_and_whether_a_duration_is_missing(lake: Lake) -> None:
    asked = frozenset({"duration_ms", "unknown column"})
    (whole,) = row_groups(lake, _written(lake, [1_000] * 6), "track_id", frozenset({"duration_ms"}))
    assert (whole.rows, whole.first, whole.last, whole.incomplete) == (6, "t0", "t5", frozenset())
    (part,) = row_groups(lake, _written(lake, [None, *[1_000] * 5], days=1), "track_id", asked)
    assert part.incomplete == asked


def test_a_part_leaves_out_skipped_tracks_and_adds_known_durations(lake: Lake) -> None:
    path = _written(lake, [1_000, None, None, 4_000, 5_000, 6_000])
    (rows,) = Part(path, 0, skipped=["t0", "t4"], durations={"t1": 2_000, "t3": 9_000}).features(lake)
    found = dict(zip(rows["track_id"].to_pylist(), rows["duration_ms"].to_pylist(), strict=True))
    assert found == {"t1": 2_000, "t2": None, "t3": 4_000, "t5": 6_000}
    assert rows["feature_source"].type == pa.string()


def test_a_file_that_was_removed_meanwhile_is_named(lake: Lake) -> None:
    path = _written(lake, [1_000] * 6)
    lake.remove(path)
    with pytest.raises(BatchCorrupt, match=path):
        list(Part(path, 0).features(lake))

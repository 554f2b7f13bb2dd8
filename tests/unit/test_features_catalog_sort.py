"""The external sort: one row a track, in the order of the ids, whatever came in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mood_core.domain.records import FEATURES
from mood_core.features.catalog.sort import SortCounts, sort_to_parquet
from mood_core.tabular.feature_rows import row_schema

IDS = st.text("0123456789ABCXYZabcxyz", min_size=22, max_size=22)
FEW = st.sampled_from(["0" * 22, "z" * 22, "Ab" * 11])
ROWS = st.lists(st.tuples(IDS | FEW, st.booleans(), st.sampled_from([0.25, 0.5, None])), max_size=40)


def batches(rows: Sequence[tuple[str, bool, float | None]], size: int) -> list[pa.RecordBatch]:
    made = [
        {"track_id": track_id, "row": number, "usable": usable, **dict.fromkeys(FEATURES, value)}
        for number, (track_id, usable, value) in enumerate(rows)
    ]
    return [
        pa.RecordBatch.from_pylist(made[start : start + size], schema=row_schema())
        for start in range(0, len(made), size)
    ]


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, size=st.integers(1, 15))
def test_each_track_s_first_usable_row_is_kept_in_the_order_of_ids(
    rows: list[tuple[str, bool, float | None]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = tmp_path_factory.mktemp("sort")
    counted = SortCounts()

    def metadata(counts: SortCounts) -> dict[str, str]:
        nonlocal counted
        counted = counts
        return {"reported": "yes"}

    sort_to_parquet(batches(rows, size), work, work / "out.parquet", lambda _: None, metadata)
    table = parquet.read_table(work / "out.parquet")

    expected: dict[str, tuple[bool, float | None]] = {}
    for track_id, usable, value in rows:
        if track_id not in expected or (usable and not expected[track_id][0]):
            expected[track_id] = (usable, value)
    kept = dict(zip(table.column("track_id").to_pylist(), table.column("energy").to_pylist(), strict=True))
    assert table.column("track_id").to_pylist() == sorted(expected)
    assert kept == {track_id: value for track_id, (_, value) in expected.items()}
    same = sum(value == kept[track_id] for track_id, _, value in rows)
    assert (counted.tracks, counted.duplicates) == (len(expected), same - len(expected))
    assert counted.conflicts == len(rows) - same
    assert parquet.read_metadata(work / "out.parquet").metadata[b"reported"] == b"yes"


def test_row_groups_do_not_overlap_so_that_few_are_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    work = tmp_path_factory.mktemp("sort")
    digits = np.random.default_rng(3).integers(0, 10, (50_000, 22))
    rows = [("".join(map(str, each)), True, 0.5) for each in digits.tolist()]
    sort_to_parquet(batches(rows, 10_000), work, work / "out.parquet", lambda _: None, lambda _: {})
    metadata = parquet.read_metadata(work / "out.parquet")
    spans = [metadata.row_group(n).column(0).statistics for n in range(metadata.num_row_groups)]
    assert len(spans) > 1
    assert all(before.max < after.min for before, after in pairwise(spans))

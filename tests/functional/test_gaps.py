"""Gaps in SQL: found twice they are one, as wide as the wider; filled they stay filled; in any order of files."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from mood_core.domain.records import Gap
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS, USERS
from mood_core.store import Database
from mood_core.store.queries.overview import gaps
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, users

FOUND = [
    (timedelta(hours=2), None),
    (timedelta(hours=5), None),
    (timedelta(hours=3), NOW),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_gap_found_again_is_one_row(migrated: Database, tmp_path: Path, order: tuple[int, ...]) -> None:
    batches, begin = Batches(open_lake(str(tmp_path / "lake")), migrated), NOW - timedelta(days=2)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    for number in order:
        length, filled_at = FOUND[number]
        batches.add(GAPS, to_table(GAPS, [Gap("ada", begin, begin + length, NOW, filled_at)]), now=NOW)
    (gap,) = gaps(migrated)
    assert datetime.fromisoformat(gap["ends_at"]) - begin == timedelta(hours=5)
    assert gap["filled_at"] == NOW.isoformat()

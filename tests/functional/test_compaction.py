"""Compaction of the lake on both databases: no row is lost, doubled or changed, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mood_core.lake import Lake, open_lake
from mood_core.store import Database
from mood_core.usecases import remove_rows as take_out
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import (
    NOW,
    all_digests,
    flip_a_bit,
    small_history,
)

pytestmark = pytest.mark.partitions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def test_compacting_keeps_every_row_and_the_ledger(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    before = all_digests(migrated)
    rows = sorted(ds.dataset(f"{lake.root}/listens").to_table().to_pylist(), key=str)
    report = compact(lake, migrated, now=NOW)
    assert (report.files_before, report.files_after) == (12, 4)
    assert report.bytes_after < report.bytes_before
    assert len(lake.paths("listens")) == 2
    assert sorted(ds.dataset(f"{lake.root}/listens").to_table().to_pylist(), key=str) == rows
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    assert compact(lake, migrated, now=NOW).files_before == 0
    rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before


def test_the_current_month_and_damaged_files_do_not_change(lake: Lake, migrated: Database) -> None:
    small_history(lake, migrated)
    flip_a_bit(Path(lake.root) / lake.paths("listens")[1])
    report = compact(lake, migrated, now=datetime(2026, 9, 28, tzinfo=UTC))
    assert len([path for path in lake.paths("listens") if "2026-09" in path]) == 3
    assert len([path for path in lake.paths("listens") if "2026-08" in path]) == 2
    assert report.files_after == 3


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("step", ["before the lake", "before the ledger", "between the files"])
def test_compacting_killed_at_any_step_is_finished_by_the_next_run(
    lake: Lake, migrated: Database, monkeypatch: pytest.MonkeyPatch, step: str, atomic: bool
) -> None:
    small_history(lake, migrated)
    before = all_digests(migrated)

    def killed(*_: object, **__: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patch:
        if not atomic:
            patch.setattr("mood_core.lake.lake.exchange_locally", lambda *_: False)
        if step == "before the lake":
            patch.setattr(lake, "compact", killed)
        elif step == "before the ledger":
            patch.setattr(take_out, "load_into", killed)
        else:
            patch.setattr(lake, "remove", killed)
        if atomic and step == "between the files":
            compact(lake, migrated, now=NOW)
        else:
            with pytest.raises(_KilledError):
                compact(lake, migrated, now=NOW)
    assert sum(lake.read(path)[0].row_count for path in lake.paths("listens")) == 96
    assert not verify(lake, migrated, now=NOW).lost
    compact(lake, migrated, now=NOW)
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    assert all_digests(migrated) == before


def test_a_listing_during_compaction_never_shows_rows_twice_or_missing(
    lake: Lake, migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two steps that touch the folder, any reader that lists it sees each row once."""
    small_history(lake, migrated)
    seen = []
    folder = Path(lake.root) / "listens"

    def looked(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            result = real(*args, **kwargs)
            seen.append(sum(pq.read_metadata(path).num_rows for path in folder.glob("month=*/[!.]*.parquet")))
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", looked(os.link))
        patch.setattr(os, "fsync", looked(os.fsync))
        compact(lake, migrated, now=NOW)
    assert len(seen) > 5
    assert set(seen) == {96}


def test_a_month_that_lies_on_another_disk_is_compacted_where_it_lies(
    lake: Lake, migrated: Database, tmp_path: Path
) -> None:
    small_history(lake, migrated)
    before = all_digests(migrated)
    month = (Path(lake.root) / lake.paths("listens")[0]).parent
    elsewhere = tmp_path / "another disk"
    shutil.move(month, elsewhere)
    month.symlink_to(elsewhere, target_is_directory=True)
    old = set(elsewhere.iterdir())
    compact(lake, migrated, now=NOW, before="2099-01")
    assert month.is_symlink()
    assert [path for path in elsewhere.iterdir() if path in old] == []
    assert verify(lake, migrated, now=NOW, deep=True).findings == []
    assert all_digests(migrated) == before

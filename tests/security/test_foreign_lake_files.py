"""What does not belong into the lake is named by the next run, which is then not complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.summary import state_of
from mood_core.errors import MoodlogError
from mood_core.lake import Lake, open_lake
from mood_core.store import Database
from mood_core.store.locks.leases import new_owner
from mood_core.usecases.nightly.night_report import NightReport, Verdict
from mood_core.usecases.people.forget_person import forget_person
from tests.store_data import NOW, small_history

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes and links are made otherwise")


def _text(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def _deeper(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "x.parquet").write_bytes(b"PAR1")


def _not_parquet(folder: Path) -> None:
    (folder / f"{'0' * 64}.parquet").write_bytes(b"PAR1 not really")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _pipe_named_as_a_batch(folder: Path) -> None:
    first = min(folder.glob("*.parquet"))
    os.mkfifo(folder / first.name.replace(first.name[:4], "ffff", 1))


def _loop(folder: Path) -> None:
    (folder / "one").symlink_to(folder.parent)
    (folder / "two").symlink_to(folder.parent)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in a folder of the test's own."""
    return open_lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("add", [_text, _deeper, _not_parquet, _pipe, _pipe_named_as_a_batch, _loop])
def test_a_run_with_foreign_files_in_the_lake_is_degraded(
    lake: Lake, migrated: Database, add: Callable[[Path], None]
) -> None:
    batches = small_history(lake, migrated)
    batches.finish(now=NOW)
    assert batches.problems == []
    newest = max((Path(lake.root) / "listens").iterdir())
    add(newest)
    batches.finish(now=NOW)
    assert batches.problems
    assert all("moodlog verify" in problem for problem in batches.problems)
    report = NightReport(lake_problems=batches.problems)
    assert report.verdict is Verdict.DEGRADED
    assert state_of(report).name == Verdict.DEGRADED.value
    assert report.exit_code == 0
    assert len(lake.foreign()) <= 2


def test_a_month_that_no_run_looks_at_costs_no_run(lake: Lake, migrated: Database) -> None:
    batches = small_history(lake, migrated)
    (old := Path(lake.root) / "listens" / "month=2019-01").mkdir()
    _text(old)
    batches.finish(now=NOW)
    assert batches.problems == []
    assert lake.foreign() == ["listens/month=2019-01/notes.txt"]


def test_copies_beside_the_datasets_are_named(lake: Lake, migrated: Database) -> None:
    """Such a copy still has the people that `moodlog forget` removes: it may not say that it has succeeded."""
    small_history(lake, migrated)
    root = Path(lake.root)
    shutil.copytree(root / "users", root / "users.bak")
    batch = next((root / "users").rglob("*.parquet"))
    shutil.copy(batch, root / "copy.parquet")
    (root / "notes.txt").write_text("mine")
    found = lake.foreign()
    assert "copy.parquet" in found
    assert {path.split("/")[0] for path in found} == {"copy.parquet", "users.bak"}
    with pytest.raises(MoodlogError, match=r"copy\.parquet|users\.bak"):
        forget_person("ada", lake, migrated, owner=new_owner(), now=NOW)

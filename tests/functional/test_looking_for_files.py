"""What a run looks for at its start: leftovers of recent months; files of people only after somebody was forgotten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import LISTENS
from mood_core.processes import this_host
from mood_core.store import Database
from tests.store_data import NOW, listens

_LONG_AGO = NOW - timedelta(days=400)


@pytest.mark.usefixtures("home")
def test_leftovers_of_early_months_wait_for_compaction(migrated: Database) -> None:
    with Workspace(now=lambda: NOW) as workspace:
        for at in (_LONG_AGO, NOW):
            workspace.batches.add(LISTENS, listens([("ada", at, "t")]), now=at)
        left = [_leftover_beside(Path(workspace.lake.root) / path) for path in workspace.lake.paths(LISTENS.name)]
        workspace.batches.finish(now=NOW)
        assert [path.exists() for path in left] == [True, False]
        workspace.compact()
        assert [path.exists() for path in left] == [False, False]


def test_files_of_people_are_listed_only_after_somebody_was_forgotten(migrated: Database, home: Path) -> None:
    with Workspace(now=lambda: NOW) as workspace:
        workspace.batches.add_tombstone("ada", now=NOW)
        late = home / "recaps" / "2026-11-16" / "ada.png"
        late.parent.mkdir(parents=True)
        late.write_bytes(b"a late run")
        workspace.batches.finish(now=NOW + timedelta(days=30))
        assert not late.exists()
        late.write_bytes(b"too late for any run")
        workspace.batches.finish(now=NOW + timedelta(days=32))
        assert late.exists()
        workspace.compact()
        assert not late.exists()


def _leftover_beside(published: Path) -> Path:
    """The temporary file of a writer that has ended."""
    path = published.with_name(f".{published.name}.999999999@{this_host()}@1.draft")
    path.write_bytes(b"x")
    return path

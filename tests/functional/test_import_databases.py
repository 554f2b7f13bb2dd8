"""An import into both kinds of database: the same counts and listens, and stopped at any write it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from mood_core.app.import_export import import_export, match_names
from mood_core.app.workspace import Workspace
from mood_core.exports.parse_row import ImportFilter
from mood_core.lake.schema import Dataset
from mood_core.settings import Settings
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports import write as import_write
from mood_core.usecases.imports.import_export import ImportReport
from tests.conftest import NOW
from tests.exports import counted, episode, extended, music, unpacked
from tests.nights import contents

EXPORT: dict[str, Any] = {
    "Streaming_History_Audio_2024.json": [
        *(extended(number, f"2024-03-01T10:{number:02d}:00Z") for number in range(1, 9)),
        extended(1, "2024-03-01T10:01:00Z"),
        episode(1),
        extended(3, master_metadata_track_name="Ænima — «ß»", master_metadata_album_artist_name='it\'s\\n, "quoted"'),
        17,
    ],
    "StreamingHistory_music_0.json": [music(f"Unheard {number}", artist="x" * 240) for number in range(5)],
}


class Stopped(BaseException):
    """What stops a process cannot be caught."""


def _workspace(home: Path, url: str) -> Workspace:
    return Workspace(Settings(home=home, database_url=SecretStr(url)), now=lambda: NOW)


def _import(workspace: Workspace, export: Path) -> ImportReport:
    return import_export(workspace, [export], user="ada", timezone="Europe/Lisbon", row_filter=ImportFilter())


def test_both_databases_take_an_import_alike(database_url: str, tmp_path: Path) -> None:
    export = unpacked(tmp_path / "x", EXPORT)
    rows, counts = counted({name: rows[:-1] if "Audio" in name else rows for name, rows in EXPORT.items()})
    with _workspace(tmp_path / "home", database_url) as workspace:
        report = _import(workspace, export)
        assert report.rows_read == rows + 1
        assert report.outcomes == {**counts, "malformed": 1}
        stored = contents(workspace)
        assert len(stored["listens"]) == counts["imported"]
        # In one piece: row by row, a million of them would need more memory than there is.
        (whole,) = ImportRows(workspace.database).extended_listens("local-ada")
        assert len(whole) == len(stored["listens"])
        later = unpacked(
            tmp_path / "y",
            {
                "s0.json": [music("Unheard 1", artist="x" * 240)],
                "endsong_0.json": [extended(1, "2024-03-01T12:00:00Z")],
            },
        )
        assert _import(workspace, later).outcomes == {"imported": 1, "already_imported": 1}
        assert match_names(workspace) == 0
        assert len(contents(workspace)["listens"]) == counts["imported"] + 1


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_stopped_at_any_write_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    monkeypatch.setattr(import_write, "ROWS_A_FILE", 3)
    export = unpacked(tmp_path / "x", EXPORT)
    with _workspace(tmp_path / "calm", f"sqlite:///{tmp_path}/calm.db") as workspace:
        writes = _counted_writes(monkeypatch, workspace, export)
        undisturbed = contents(workspace)
    assert writes >= 9
    for stop_at in range(writes):
        home = tmp_path / f"{after}-{stop_at}"
        with _workspace(home, f"sqlite:///{home}.db") as workspace, monkeypatch.context() as patch:
            patch.setattr(Batches, "add", _stopping(stop_at, after=after))
            with pytest.raises(Stopped):
                _import(workspace, export)
        with _workspace(home, f"sqlite:///{home}.db") as workspace:
            report = _import(workspace, export)
            assert sum(report.outcomes.values()) == report.rows_read
            assert contents(workspace) == undisturbed
            assert "imported" not in _import(workspace, export).outcomes


def _counted_writes(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, export: Path) -> int:
    calls: list[str] = []
    add = Batches.add

    def counting(self: Batches, dataset: Dataset, rows: pa.Table, *, now: Any) -> int:
        calls.append(dataset.name)
        return add(self, dataset, rows, now=now)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "add", counting)
        _import(workspace, export)
    return len(calls)


def _stopping(stop_at: int, *, after: bool) -> Callable[..., int]:
    """Batches' ``add`` that stops the process at its call number ``stop_at``, before or after it has written."""
    add, left = Batches.add, [stop_at]

    def stopping(self: Batches, dataset: Dataset, rows: pa.Table, *, now: Any) -> int:
        left[0] -= 1
        if left[0] < 0 and not after:
            raise Stopped
        done = add(self, dataset, rows, now=now)
        if left[0] < 0:
            raise Stopped
        return done

    return stopping

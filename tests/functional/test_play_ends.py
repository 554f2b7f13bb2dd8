"""How a play ended: from an extended history to the lake, SQL, a rebuild, a compaction and the person's export."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.play_ends import END_REASONS, decode_ends, end_code
from mood_core.lake.batch_files import conform
from mood_core.lake.schema import LISTENS
from tests.exports import extended, music, unpacked

ROWS = [
    extended(1, "2024-03-01T10:00:00Z", skipped=True, shuffle=True, reason_end="fwdbtn"),
    extended(2, "2024-03-01T10:10:00Z", skipped=None, shuffle=False, reason_end=None),
    extended(3, "2024-03-01T10:20:00Z", skipped=1_709_287_242, shuffle="no", reason_end="a word of tomorrow"),
    extended(4, "2024-03-01T10:30:00Z", 5_000, skipped=True, reason_end="backbtn"),
    # Twice in the export, once without the fields.
    extended(5, "2024-03-01T10:40:00Z", skipped=True, shuffle=None, reason_end="endplay"),
    extended(5, "2024-03-01T10:40:00Z", skipped=None, shuffle=None, reason_end=None),
]
STORED = [(1, 1, "fwdbtn"), (None, 0, None), (None, None, "other"), (1, None, "endplay")]


def _run(*words: object) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def _stored() -> list[tuple[Any, ...]]:
    with Workspace() as workspace, workspace.database.read() as connection:
        query = "SELECT skipped, shuffle, reason_end FROM mood_history ORDER BY played_at_ms"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("order", [1, -1])
def test_it_survives_from_import_to_export(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)
    files = {"Streaming_History_Audio_2024_0.json": ROWS[::order], "StreamingHistory_music_0.json": [music("Song 1")]}
    report = json.loads(_run("import", "--timezone", "UTC", "--json", unpacked(tmp_path / "export", files)))
    assert report["outcomes"] == {"imported": 4, "duplicate": 1, "same_listen": 1, "skipped": 1}
    assert _stored() == STORED
    _run("rebuild")
    assert _stored() == STORED
    _run("verify", "--deep")
    _run("export", "--user", report["user_id"], "--format", "csv", "--output", tmp_path / "mine.zip")
    with ZipFile(tmp_path / "mine.zip") as mine:
        listens = mine.read(next(name for name in mine.namelist() if name.endswith("listens.csv"))).decode("utf-8-sig")
    exported = [(row["skipped"], row["shuffle"], row["reason_end"]) for row in csv.DictReader(listens.splitlines())]
    assert exported == [tuple("" if value is None else str(value) for value in row) for row in STORED]


@pytest.mark.usefixtures("home")
def test_short_plays_are_kept_with_min_ms_0(tmp_path: Path) -> None:
    path = unpacked(tmp_path / "export", {"Streaming_History_Audio_2024_0.json": ROWS})
    report = json.loads(_run("import", "--timezone", "UTC", "--min-ms", "0", "--json", path))
    assert report["outcomes"] == {"imported": 5, "duplicate": 1}
    assert _stored()[3] == (1, 0, "backbtn")


def test_files_of_older_versions_have_listens_whose_end_is_not_known() -> None:
    columns = [field for field in LISTENS.schema if field.name not in {"skipped", "shuffle", "reason_end"}]
    values = {"user_id": "ada", "played_at": 1_700_000_000_000, "track_id": "t", "ms_played": 1, "source": "x"}
    plain = [each.with_type(pa.string()) if pa.types.is_dictionary(each.type) else each for each in columns]
    (row,) = conform(LISTENS, pa.Table.from_pylist([values], pa.schema(plain))).to_pylist()
    assert (row["skipped"], row["shuffle"], row["reason_end"]) == (None, None, None)


def test_numbers_of_play_ends_are_their_values() -> None:
    assert end_code({}) == end_code(dict.fromkeys(("skipped", "shuffle", "reason_end"), 7)) == 0
    for number, reason in enumerate(END_REASONS, start=1):
        code = end_code({"skipped": True, "shuffle": False, "reason_end": reason})
        flags, position = decode_ends(np.array([code]))
        assert [flags["skipped"].item(), flags["shuffle"].item(), position.item()] == [2, 1, number]

"""``moodlog import`` of a folder with other files, of a file that is no export, and whose history it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.store.queries.people_read import people_read
from tests.exports import extended, unpacked, zipped

NAME = "Streaming_History_Audio_2024.json"


@pytest.fixture
def run(home: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(main, ["import", "--timezone", "UTC", *map(str, words)])


def test_a_folder_is_imported_as_far_as_it_can_be_and_the_rest_is_named(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unpacked(tmp_path / "downloads", {NAME: [extended(1)], "package.json": {"name": "another program"}})
    unpacked(folder, {f"photo {number}.jpg": b"" for number in range(7)} | {".hidden": b"", "inner/notes.txt": b""})
    zipped(folder / "program.zip", {"inner.zip": b"PK"})
    monkeypatch.chdir(folder)
    done = run(".")
    assert done.exit_code == 2
    assert "program.zip is a zip in a zip" in done.stderr
    skipped = next(line for line in done.stderr.splitlines() if line.startswith("Skipped"))
    assert "inner/notes.txt" in skipped
    assert skipped.endswith("and 4 more.")
    report = json.loads(run(".", "--json").stdout)
    assert report["outcomes"] == {"already_imported": 1}
    others = {"package.json", "inner/notes.txt"} | {f"photo {number}.jpg" for number in range(7)}
    assert set(report["other_files"]) == others
    assert list(report["damaged_files"]) == ["program.zip"]


def test_a_folder_without_a_history_names_what_it_has(run: Callable[..., Result], tmp_path: Path, home: Path) -> None:
    folder = unpacked(tmp_path / "downloads", {"package.json": {}, "notes.txt": b""})
    done = run(folder)
    assert done.exit_code == 2
    assert "no listening history found among notes.txt, package.json;" in done.stderr
    assert not (home / "moodlog.db").exists()


def test_a_file_that_is_no_export_is_named_before_the_person_is_asked_for(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    for number, name in enumerate(("ada", "grace", "joan")):
        assert run(unpacked(tmp_path / name, {NAME: [extended(number)]}), "--user", name).exit_code == 0
    unpacked(tmp_path, {"other.json": {"name": "another program"}, NAME: [extended(9)]})
    assert "no listening history" in run(tmp_path / "other.json").stderr
    with people_read() as read:
        asked = run(tmp_path / NAME)
    assert "there are several people; name the one with --user ID" in asked.stderr
    assert len(read) <= 2, "an import asks for one person, however many are stored"
    with Workspace() as workspace:
        assert len(workspace.accounts.all()) == 3

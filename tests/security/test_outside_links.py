"""Folders and files whose links lead in circles, and folders without end: read once, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mood_core.errors import InputError
from mood_core.files import outside as outside_files
from mood_core.files.outside import files_below
from mood_core.tabular.files import find_files
from tests.fuzz.hostile import check_sentence
from tests.security.special_files import moodlog
from tests.unit.catalog_files import ROWS, write_csv


def _looped(folder: Path) -> Path:
    """A folder with two links to itself and two to a folder inside: without care, files double with each step."""
    write_csv(folder / "a.csv", ROWS)
    (folder / "inner").mkdir()
    write_csv(folder / "inner" / "b.csv", ROWS)
    for name in ("one", "two"):
        (folder / name).symlink_to(folder)
        (folder / "inner" / name).symlink_to(folder / "inner")
    (folder / "nowhere.csv").symlink_to(folder / "absent.csv")
    (folder / "again.csv").symlink_to(folder / "a.csv")
    return folder


def test_a_folder_that_contains_itself_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    found = find_files([str(_looped(tmp_path / "x"))])
    assert [Path(file.path).name for file in found] == ["a.csv", "b.csv"]
    assert sorted(path.name for path in files_below(tmp_path / "x", follow_links=False)) == ["a.csv", "b.csv"]


def test_a_walk_ends_where_there_are_too_many_files_or_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_files, "MOST_FILES", 20)
    for number in range(30):
        (tmp_path / f"{number}.csv").touch()
    with pytest.raises(InputError, match="more than 20 files"):
        find_files([str(tmp_path)])
    deep = tmp_path / "deep" / "/".join("d" * 18)
    deep.mkdir(parents=True)
    (deep / "x.csv").touch()
    assert list(files_below(tmp_path / "deep", follow_links=True)) == []


@pytest.mark.parametrize("setting", ["MOODLOG_HOME", "MOODLOG_LAKE_URL"])
def test_a_loop_of_links_is_named(short: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    loop = short.resolve() / "loop"
    loop.symlink_to(loop)
    monkeypatch.setenv(setting, str(loop))
    result = moodlog("verify")
    assert result.exit_code not in (0, 1)
    check_sentence(result.stderr.strip().removeprefix("moodlog: "))
    assert "loop" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "--features"],
        ["train", "--out", "models", "--data"],
        ["evaluate", "--data"],
        ["catalog", "add"],
        ["import"],
    ],
    ids=lambda words: words[0],
)
def test_a_file_that_is_a_loop_of_links_is_said_to_be_one(short: Path, home: Path, command: list[str]) -> None:
    loop = short.resolve() / "a.csv"
    loop.symlink_to(loop)
    result = moodlog(*command, str(loop))
    assert result.exit_code == 2
    assert f"{loop} cannot be opened: its links form a loop" in result.stderr

"""Pipes, sockets, devices and kernel files where a file is expected: refused in one sentence, never opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mood_core.classifier.training.data import read_labelled
from mood_core.errors import InputError
from mood_core.files.outside import open_regular, read_bounded
from mood_core.files.private import open_private
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import find_files
from tests.fuzz.hostile import check_sentence
from tests.security.special_files import SPECIAL, make_pipe, moodlog
from tests.unit.catalog_files import ROWS, look_up, write_csv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes and sockets are files elsewhere")


@pytest.mark.parametrize("what", SPECIAL)
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet"])
def test_what_is_no_regular_file_is_never_opened(what: str, name: str, short: Path) -> None:
    path = SPECIAL[what](Path(name))
    for read in (
        open_regular,
        lambda each: look_up(each, cache=short / "cache"),
        read_labelled,
        lambda each: read_bounded(each, 10),
    ):
        with pytest.raises(InputError, match=what) as refused:
            read(path)
        check_sentence(refused.value.message)


@pytest.mark.parametrize("what", SPECIAL)
@pytest.mark.parametrize(
    "command",
    [
        ("catalog", "check"),
        ("catalog", "add"),
        ("predict", "--features"),
        ("dataset", "describe"),
        ("import", "--user", "ada"),
    ],
)
def test_every_command_says_what_it_is(home: Path, short: Path, what: str, command: tuple[str, ...]) -> None:
    SPECIAL[what](Path("x.csv"))
    done = moodlog(*command, "x.csv")
    assert done.exit_code == 2, done.output
    assert what in done.output
    assert "x.csv" in done.output


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="Linux has such files")
@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/mounts"])
def test_a_file_of_the_kernel_is_refused_though_it_calls_itself_regular(home: Path, path: str) -> None:
    for command in (("predict", "--features"), ("dataset", "describe"), ("import", "--user", "ada")):
        done = moodlog(*command, path)
        assert (done.exit_code, f"{path} is a kernel file" in done.output) == (2, True), done.output


@pytest.mark.parametrize("name", ["x.json", "x.zip"])
@pytest.mark.parametrize("start", [b"", b"[", b'[{"ts": "2026-01-01T00:00:00Z"}'])
def test_an_export_with_holes_is_refused_before_it_is_read(home: Path, tmp_path: Path, name: str, start: bytes) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(start)
        file.truncate(5 << 30)  # it takes no space on the disk, and minutes to read
    done = moodlog("import", str(tmp_path / name), "--user", "ada", "--dry-run")
    assert (done.exit_code, f"{name} has no data at byte" in done.output) == (2, True), done.output


@pytest.mark.parametrize("what", SPECIAL)
def test_a_picture_is_drawn_into_files_alone(home: Path, short: Path, what: str) -> None:
    SPECIAL[what](Path("x"))
    write_csv(short / "good.csv", [{**row, "mood": "Happy"} for row in ROWS])
    done = moodlog("dataset", "describe", "good.csv", "--plot", "x")
    assert (done.exit_code, "x is not a regular file" in done.output) == (2, True), done.output


def test_a_pipe_that_takes_the_place_of_a_file_is_found_out(tmp_path: Path) -> None:
    (file,) = find_files([str(write_csv(tmp_path / "a.csv", ROWS))])
    Path(file.path).unlink()
    make_pipe(Path(file.path))
    with pytest.raises(InputError, match="a named pipe"):
        list(feature_rows(file, RowCounts()))


def test_a_private_file_is_not_written_into_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"pipe|device"):
        open_private(make_pipe(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("name", "command"),
    [("catalog.txt", ["catalog", "list"]), ("catalog.txt", ["doctor"]), ("token.key", ["keys", "rotate"])],
)
def test_a_pipe_in_the_home_is_named_and_not_waited_for(home: Path, name: str, command: list[str]) -> None:
    home.mkdir(exist_ok=True, mode=0o700)
    os.mkfifo(home / name, 0o600)
    result = moodlog(*command)
    assert result.exit_code != 0
    assert f"{name}isanamedpipe" in "".join(result.output.split())  # doctor wraps its lines


@pytest.mark.parametrize("what", SPECIAL)
def test_predict_replaces_only_regular_files(what: str, short: Path) -> None:
    (short / "features.csv").write_text("id,energy\n", encoding="utf-8")
    out = SPECIAL[what](Path("out.parquet"))
    before = out.lstat().st_mode
    result = moodlog("predict", "--features", "features.csv", "--out", str(out))
    assert result.exit_code != 0
    assert "out.parquet is not a regular file" in " ".join(result.output.split())
    assert out.lstat().st_mode == before

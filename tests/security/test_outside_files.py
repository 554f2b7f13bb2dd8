"""Files from outside that wait, loop or unpack to more than there is memory: refused in one sentence, at small cost."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from flows.cli import main
from mood_core.classifier import bundled_folder, load_classifier, model_limits
from mood_core.classifier.model_card import CARD_FILE, GOLDEN_FILE, KERAS_FILE, TWIN_FILE, read_card, write_card
from mood_core.classifier.training.data import read_labelled
from mood_core.classifier.training.export import file_digests
from mood_core.domain.records import FEATURES
from mood_core.errors import InputError, ModelError, MoodlogError
from mood_core.files import outside as outside_files
from mood_core.files.outside import check_zip, files_below, open_regular, read_bounded
from mood_core.files.private import open_private
from mood_core.tabular import csv_reader, parquet_reader
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import find_files
from tests.fuzz.hostile import check_sentence
from tests.unit.catalog_files import ROWS, look_up, write_csv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes and sockets are files elsewhere")


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


SPECIAL = {"a named pipe": _pipe, "a socket": _socket, "a device": _device}


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: the path of a socket may only be short, so it is made by a relative name."""
    folder = tmp_path_factory.mktemp("s")
    monkeypatch.chdir(folder)
    return folder


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


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
    done = _moodlog(*command, "x.csv")
    assert done.exit_code == 2, done.output
    assert what in done.output
    assert "x.csv" in done.output


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="Linux has such files")
@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/mounts"])
def test_a_file_of_the_kernel_is_refused_though_it_calls_itself_regular(home: Path, path: str) -> None:
    for command in (("predict", "--features"), ("dataset", "describe"), ("import", "--user", "ada")):
        done = _moodlog(*command, path)
        assert (done.exit_code, f"{path} is a kernel file" in done.output) == (2, True), done.output


@pytest.mark.parametrize("name", ["x.json", "x.zip"])
@pytest.mark.parametrize("start", [b"", b"[", b'[{"ts": "2026-01-01T00:00:00Z"}'])
def test_an_export_with_holes_is_refused_before_it_is_read(home: Path, tmp_path: Path, name: str, start: bytes) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(start)
        file.truncate(5 << 30)  # it takes no space on the disk, and minutes to read
    done = _moodlog("import", str(tmp_path / name), "--user", "ada", "--dry-run")
    assert (done.exit_code, f"{name} has no data at byte" in done.output) == (2, True), done.output


def test_a_model_that_cannot_be_used_is_not_kept_by_relabel_though_nothing_is_to_label(home: Path, model: Path) -> None:
    os.truncate(model / TWIN_FILE, 3 << 30)
    done = _moodlog("relabel", "--model", str(model))
    assert (done.exit_code, TWIN_FILE in done.output) == (78, True), done.output
    assert not (home / "models").exists()


@pytest.mark.parametrize("what", SPECIAL)
def test_a_picture_is_drawn_into_files_alone(home: Path, short: Path, what: str) -> None:
    SPECIAL[what](Path("x"))
    write_csv(short / "good.csv", [{**row, "mood": "Happy"} for row in ROWS])
    done = _moodlog("dataset", "describe", "good.csv", "--plot", "x")
    assert (done.exit_code, "x is not a regular file" in done.output) == (2, True), done.output


def test_a_pipe_that_takes_the_place_of_a_file_is_found_out(tmp_path: Path) -> None:
    (file,) = find_files([str(write_csv(tmp_path / "a.csv", ROWS))])
    Path(file.path).unlink()
    _pipe(Path(file.path))
    with pytest.raises(InputError, match="a named pipe"):
        list(feature_rows(file, RowCounts()))


def test_a_private_file_is_not_written_into_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"pipe|device"):
        open_private(_pipe(tmp_path / "pipe"))


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


LINE = f"{'0' * 22}{',0.5' * 6},-7.5,0.5,120,0.5,200000\n"
HEADER = f"id,{','.join(FEATURES[:5])},x,{','.join(FEATURES[5:])}\n"


def test_a_gzip_bomb_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_files, "SMALL_BYTES", 1 << 18)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(HEADER.encode() + LINE.encode() * 40_000))
    for read in (lambda path: look_up(path, cache=tmp_path / "cache"), read_labelled):
        with pytest.raises(InputError, match=r"bomb\.csv\.gz.*(unpack|mood)") as refused:
            read(tmp_path / "bomb.csv.gz")
        check_sentence(refused.value.message)
    done = _moodlog("predict", "--features", str(tmp_path / "bomb.csv.gz"))
    assert (done.exit_code, "200 times" in done.output) == (2, True)


def test_a_bomb_in_one_row_ends_the_command_and_not_the_interpreter(home: Path, tmp_path: Path) -> None:
    """PyArrow reads ahead in a thread; Python aborts with a core dump if it ends while that thread calls it."""
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(HEADER.encode())
        for _ in range(150):
            file.write(b"0" * (1 << 20))
    command = [sys.executable, "-m", "flows.cli", "catalog", "check", str(bomb)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Fatal" not in done.stderr


def _csv(folder: Path, *, before: int, row: str) -> Path:
    lines = [f"{number:022d}{LINE[22:]}" for number in range(before)]
    (folder / "x.csv").write_text(HEADER + "".join(lines) + row + "".join(lines), encoding="utf-8")
    return folder / "x.csv"


def test_a_row_without_end_is_named_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "_BLOCK_BYTES", 1 << 20)
    quoted = _csv(tmp_path, before=300, row=f'"{"9" * 22}{LINE[22:]}' + LINE * 50_000)
    with pytest.raises(InputError, match=r"row 301.*longer than 1 MB.*quote"):
        look_up(quoted, cache=tmp_path / "cache")
    long = _csv(tmp_path, before=40, row="9" * 4_000_000 + "\n")
    with pytest.raises(InputError, match=r"row 41.*longer than 1 MB"):
        look_up(long, cache=tmp_path / "cache")


def test_an_open_quote_near_the_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"close the quotes"):
        look_up(_csv(tmp_path, before=300, row=f'"{LINE}'), cache=tmp_path / "cache")


def test_a_parquet_bomb_is_refused_by_its_own_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_reader, "_LARGE_GROUP", 1 << 20)
    monkeypatch.setattr(parquet_reader, "_MOST_ROWS", 1000)
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.Table.from_pylist([{**ROWS[0], "name": "x" * 8_000_000}]), path, compression="zstd")
    with pytest.raises(InputError, match="row group 1 unpacks to more than"):
        look_up(path, cache=tmp_path / "cache")
    same = pa.table({name: pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000), [0.5]) for name in FEATURES[:2]})
    parquet.write_table(same, tmp_path / "many.parquet")
    monkeypatch.setattr(parquet_reader, "MOST_RATIO", 1)
    with pytest.raises(InputError, match="2,000,000 rows"):
        look_up(tmp_path / "many.parquet", cache=tmp_path / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the bundled model, to be made hostile."""
    return Path(shutil.copytree(bundled_folder(), tmp_path / "model"))


def _refused(folder: Path, runtime: str = "litert") -> str:
    """The refusal of the model, which must cost little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as refused:
            load_classifier(folder, runtime)  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    check_sentence(refused.value.message)
    return refused.value.message


@pytest.mark.parametrize("name", [CARD_FILE, GOLDEN_FILE, TWIN_FILE, KERAS_FILE])
def test_a_huge_file_of_a_model_is_not_read(model: Path, name: str) -> None:
    os.truncate(model / name, 3 << 30)  # sparse: it takes no space on the disk
    assert f"{name} has more than" in _refused(model)


@pytest.mark.parametrize("name", [CARD_FILE, GOLDEN_FILE, TWIN_FILE, KERAS_FILE])
def test_a_pipe_in_a_model_is_not_read(model: Path, name: str) -> None:
    (model / name).unlink()
    _pipe(model / name)
    if name == TWIN_FILE:  # Keras takes its place
        _refused_or_loaded(model)
    else:
        assert name in _refused(model)


def _refused_or_loaded(folder: Path) -> None:
    try:
        load_classifier(folder, "litert")
    except MoodlogError as error:
        check_sentence(error.message)


def _bind(folder: Path) -> None:
    write_card(replace(read_card(folder), files=file_digests(folder)), folder)


def _repack(folder: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> None:
    file = folder / KERAS_FILE
    with ZipFile(file) as old, ZipFile(file.with_suffix(".new"), "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in more.items():
            new.writestr(name, content)
    file.with_suffix(".new").replace(file)
    _bind(folder)


def test_a_keras_bomb_is_refused_even_where_the_twin_would_serve(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_limits, "MOST_BYTES", 1 << 20)
    _repack(model, lambda _, content: content, bomb=bytes(2 << 20))
    assert "unpacks to more than 1,048,576 bytes" in _refused(model)
    monkeypatch.setattr(model_limits, "MOST_BYTES", 64 << 20)
    monkeypatch.setattr(outside_files, "SMALL_BYTES", 1 << 18)
    monkeypatch.setattr(outside_files, "MOST_RATIO", 5)
    assert "times its size" in _refused(model)


def _config(change: Callable[[str], str]) -> Callable[[str, bytes], bytes]:
    return lambda name, content: change(content.decode()).encode() if name == "config.json" else content


def test_a_layer_with_code_is_refused_in_our_own_words(model: Path) -> None:
    _repack(model, _config(lambda text: text.replace('"ReLU"', '"Lambda"', 1)))
    said = _refused(model)
    assert "code of its own" in said
    assert "moodlog train" in said
    assert "safe_mode" not in said


def test_a_layer_of_a_million_units_is_refused(model: Path) -> None:
    config = json.loads(ZipFile(model / KERAS_FILE).read("config.json"))
    dense = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")
    dense["config"]["units"] = 1_000_000
    _repack(model, _config(lambda _: json.dumps(config)))
    assert "size 1,000,000" in _refused(model)


def test_weights_are_measured_before_they_are_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    monkeypatch.setattr(model_limits, "MOST_BYTES", 1_000)
    with pytest.raises(ModelError, match="1,000 bytes of weights"):
        model_limits.check_weights(model / KERAS_FILE)


def test_a_zip_whose_members_share_their_bytes_is_measured_as_a_whole(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "x.zip", "w", ZIP_DEFLATED) as zipped:
        for number in range(40):
            zipped.writestr(str(number), bytes(1 << 20))
    with pytest.raises(InputError, match="200 times"):
        check_zip(tmp_path / "x.zip", 1 << 30)
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        check_zip(tmp_path / "x.zip", 1000)


@pytest.mark.parametrize(
    ("name", "command"),
    [("catalog.txt", ["catalog", "list"]), ("catalog.txt", ["doctor"]), ("token.key", ["keys", "rotate"])],
)
def test_a_pipe_in_the_home_is_named_and_not_waited_for(home: Path, name: str, command: list[str]) -> None:
    home.mkdir(exist_ok=True, mode=0o700)
    os.mkfifo(home / name, 0o600)
    result = _moodlog(*command)
    assert result.exit_code != 0
    assert f"{name}isanamedpipe" in "".join(result.output.split())  # doctor wraps its lines


@pytest.mark.parametrize("setting", ["MOODLOG_HOME", "MOODLOG_LAKE_URL"])
def test_a_loop_of_links_is_named(short: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    loop = short.resolve() / "loop"
    loop.symlink_to(loop)
    monkeypatch.setenv(setting, str(loop))
    result = _moodlog("verify")
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
    result = _moodlog(*command, str(loop))
    assert result.exit_code == 2
    assert f"{loop} cannot be opened: its links form a loop" in result.stderr


@pytest.mark.parametrize("what", SPECIAL)
def test_predict_replaces_only_regular_files(what: str, short: Path) -> None:
    (short / "features.csv").write_text("id,energy\n", encoding="utf-8")
    out = SPECIAL[what](Path("out.parquet"))
    before = out.lstat().st_mode
    result = _moodlog("predict", "--features", "features.csv", "--out", str(out))
    assert result.exit_code != 0
    assert "out.parquet is not a regular file" in " ".join(result.output.split())
    assert out.lstat().st_mode == before

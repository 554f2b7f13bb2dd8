"""Tables and archives that unpack to more than there is memory: refused in one sentence, at small cost."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pytest
from pyarrow import parquet

from mood_core.classifier.training.data import read_labelled
from mood_core.domain.records import FEATURES
from mood_core.errors import InputError
from mood_core.files import outside as outside_files
from mood_core.files.outside import check_zip
from mood_core.tabular import csv_reader, parquet_reader
from tests.fuzz.hostile import check_sentence
from tests.security.special_files import moodlog
from tests.unit.catalog_files import ROWS, look_up

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes and sockets are files elsewhere")
LINE = f"{'0' * 22}{',0.5' * 6},-7.5,0.5,120,0.5,200000\n"

HEADER = f"id,{','.join(FEATURES[:5])},x,{','.join(FEATURES[5:])}\n"


def test_a_gzip_bomb_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_files, "SMALL_BYTES", 1 << 18)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(HEADER.encode() + LINE.encode() * 40_000))
    for read in (lambda path: look_up(path, cache=tmp_path / "cache"), read_labelled):
        with pytest.raises(InputError, match=r"bomb\.csv\.gz.*(unpack|mood)") as refused:
            read(tmp_path / "bomb.csv.gz")
        check_sentence(refused.value.message)
    done = moodlog("predict", "--features", str(tmp_path / "bomb.csv.gz"))
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


def test_a_zip_whose_members_share_their_bytes_is_measured_as_a_whole(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "x.zip", "w", ZIP_DEFLATED) as zipped:
        for number in range(40):
            zipped.writestr(str(number), bytes(1 << 20))
    with pytest.raises(InputError, match="200 times"):
        check_zip(tmp_path / "x.zip", 1 << 30)
    with pytest.raises(InputError, match="more than 1,000 bytes"):
        check_zip(tmp_path / "x.zip", 1000)

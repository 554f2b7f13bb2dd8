"""``moodlog catalog``: add, list, check and remove files of features."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from mood_core.cli.catalog import command
from mood_core.cli.main import LazyGroup
from mood_core.errors import InputError
from mood_core.features.catalog.file_list import add_to_list, read_list
from tests.unit.features_fakes import VALUES, track_id

HEADER = "id," + ",".join(VALUES)
ROW = ",".join(str(value) for value in VALUES.values())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MOODLOG_CATALOG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def moodlog(*arguments: str) -> Result:
    group = LazyGroup("moodlog", lazy={"catalog": ("mood_core.cli.catalog:command", "")})
    return CliRunner().invoke(group, ["catalog", *arguments])


def write(path: Path, *rows: str) -> str:
    path.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    return str(path)


def test_an_added_file_is_listed_by_a_path_that_means_the_same_anywhere(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine.csv", f"{track_id(1)},{ROW}")
    added = moodlog("add", "mine.csv")
    assert (added.exit_code, added.stdout) == (0, "added: mine.csv\n")
    assert "1 rows, 1 of them usable" in added.stderr
    assert "Next: `moodlog run`" in added.stderr
    for name in ("mine.csv", str(tmp_path / "mine.csv")):
        assert moodlog("add", name).stdout.startswith("already there")
    listed = [json.loads(line) for line in moodlog("list", "--json").stdout.splitlines()]
    assert [(each["location"], each["origin"], each["problem"]) for each in listed] == [
        (str(tmp_path / "mine.csv"), "added", None)
    ]
    assert read_list(home / "catalog.txt") == (str(tmp_path / "mine.csv"),)


def test_a_wrong_file_is_not_added(home: Path, tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", f"{track_id(1)},{ROW}")
    wrong = write(tmp_path / "wrong.csv", f"{track_id(1)}," + ",".join(["50"] * 9))
    result = moodlog("add", good, wrong)
    assert result.exit_code == 2
    assert wrong in result.stderr.splitlines()[-1]
    assert read_list(home / "catalog.txt") == ()


def test_files_of_the_setting_count_before_added_ones(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "added.csv", f"{track_id(1)},{ROW}")
    write(tmp_path / "set.csv", f"{track_id(1)},{ROW}")
    moodlog("add", "added.csv")
    monkeypatch.setenv("MOODLOG_CATALOG", str(tmp_path / "set.csv"))
    listed = [json.loads(line) for line in moodlog("list", "--json").stdout.splitlines()]
    assert [each["origin"] for each in listed] == ["setting", "added"]
    shown = "".join(line.split()[0] for line in moodlog("list").stdout.splitlines()[1:])  # paths can be wrapped
    assert shown == f"{tmp_path / 'set.csv'}{tmp_path / 'added.csv'}"


def test_check_counts_rows_and_fails_where_one_file_is_wrong(home: Path, tmp_path: Path) -> None:
    rows = [f"{track_id(n)},{ROW}" for n in range(300)]
    unusable = f"{track_id(400)}," + ROW.rpartition(",")[0] + ","
    good = write(tmp_path / "good.csv", *rows, unusable, f"no id,{ROW}", "cut,short", rows[0].replace("0.3", "0.4"))
    result = moodlog("check", good, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "location": good,
        "rows": 304,
        "unusable": 1,
        "left_out": 2,
        "conflicts": 1,
        "notes": ["no duration column (duration_ms): moods use only the other features"],
        "problem": None,
    }
    (tmp_path / "empty.parquet").write_bytes(b"")
    result = moodlog("check", good, "empty.parquet", "nowhere.csv")
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stdout.splitlines()][:2] == [good, "empty.parquet"]
    assert "nowhere.csv does not exist" in result.stdout
    assert "2 of the catalogue's files cannot be used" in result.stderr


def test_check_reads_parquet_files_whole(home: Path, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"id": track_id(n), **VALUES} for n in range(300)]
    rows[299]["energy"] = None
    rows[298]["id"] = "no id"
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "mine.parquet")
    checked = json.loads(moodlog("check", "mine.parquet", "--json").stdout)
    assert (checked["rows"], checked["unusable"], checked["left_out"]) == (300, 1, 1)
    assert "300 rows, 298 of them usable" in moodlog("check", "mine.parquet").stdout


def test_check_without_paths_checks_the_files_in_use(home: Path, tmp_path: Path) -> None:
    assert "No catalogue files yet" in moodlog("check").stderr
    write(tmp_path / "mine.csv", f"{track_id(1)},{ROW}")
    moodlog("add", "mine.csv")
    assert str(tmp_path / "mine.csv") in moodlog("check").stdout


def test_a_removed_file_stays_where_it_is_and_its_conversion_does_not(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine.csv", f"{track_id(1)},{ROW}")
    moodlog("add", "mine.csv")
    assert len(list((home / "catalog").glob("*.parquet"))) == 1
    assert moodlog("remove", "mine.csv").exit_code == 0
    assert read_list(home / "catalog.txt") == ()
    assert list((home / "catalog").glob("*.parquet")) == []
    assert (tmp_path / "mine.csv").exists()
    assert moodlog("remove", "mine.csv").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_a_home_made_on_the_way_is_its_owner_s_alone(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "mine.csv", f"{track_id(1)},{ROW}")
    moodlog("add", "mine.csv")
    assert home.stat().st_mode & 0o077 == 0
    moodlog_list = tmp_path / "other" / "catalog.txt"
    add_to_list(moodlog_list, "features.csv")
    assert moodlog_list.parent.stat().st_mode & 0o077 == 0


def test_a_key_in_an_address_is_not_written_down(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        add_to_list(tmp_path / "catalog.txt", "s3://AKIA:s3cr3t@bucket/features.csv")
    assert "s3cr3t" not in caught.value.message
    assert not (tmp_path / "catalog.txt").exists()


@pytest.mark.parametrize("arguments", [[], ["add"], ["list"], ["check"], ["remove"]])
def test_help_teaches_with_an_example(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, [*arguments, "--help"])
    assert result.exit_code == 0
    assert "moodlog catalog" in result.output.partition("Example")[2]

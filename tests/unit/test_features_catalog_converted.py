"""What the person's CSV files are converted into: once, whole, and again when they change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.errors import ConfigError
from mood_core.features.catalog.source import CatalogSource
from tests.unit.catalog_files import ROWS, changed, look_up, write_csv
from tests.unit.features_fakes import AT, track_id, tracks


def test_a_cache_that_cannot_be_written_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="cache"):
        look_up(write_csv(tmp_path / "a.csv", ROWS), cache=tmp_path / "cache")


def test_a_csv_is_converted_once_and_again_only_when_it_changed(tmp_path: Path) -> None:
    file, cache = write_csv(tmp_path / "a.csv", ROWS), tmp_path / "cache"
    reported: list[float] = []
    for _ in range(3):
        CatalogSource([str(file)], cache, lambda _file, share: reported.append(share)).fetch(tracks(5), AT)
        if len(reported) > 0:
            assert reported[-1] == 1.0
    assert reported == sorted(reported)
    assert reported.count(1.0) <= 2


@pytest.mark.parametrize("energy", [0.77, 0.777])
def test_an_earlier_conversion_goes_when_the_file_changed(energy: float, tmp_path: Path) -> None:
    file, cache = write_csv(tmp_path / "a.csv", changed(energy=0.55)), tmp_path / "cache"
    look_up(file, cache=cache)
    (before,) = cache.iterdir()
    write_csv(file, changed(energy=energy))
    os.utime(file, ns=(1, 1))
    assert look_up(file, cache=cache)[track_id(1)].energy == energy
    (after,) = cache.iterdir()
    assert before.name != after.name


def test_what_a_killed_conversion_left_is_cleared_away_later(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in (".converting-old", ".converting-new"):
        (cache / name).mkdir(parents=True)
        (cache / name / "bucket-0000.arrow").write_bytes(b"half")
    os.utime(cache / ".converting-old", (0, 0))
    look_up(write_csv(tmp_path / "a.csv", ROWS), cache=cache)
    assert sorted(path.name for path in cache.glob(".*")) == [".converting-new"]


def test_a_damaged_conversion_is_made_again(tmp_path: Path) -> None:
    file, cache = write_csv(tmp_path / "a.csv", ROWS), tmp_path / "cache"
    look_up(file, cache=cache)
    (made,) = cache.iterdir()
    made.write_bytes(made.read_bytes()[:200])
    assert len(look_up(file, cache=cache)) == 60


def test_a_conversion_killed_at_any_moment_leaves_nothing_that_counts(tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(800) for row in ROWS]
    file, cache = write_csv(tmp_path / "a.csv", rows), tmp_path / "cache"
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from mood_core.features.catalog.convert import convert\n"
        "from mood_core.tabular.files import find_files\n"
        "def show(share):\n"
        "    if share >= float(sys.argv[3]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "convert(find_files([sys.argv[1]])[0], Path(sys.argv[2]), show)\n"
    )
    for share in ("0.01", "0.9"):
        killed = subprocess.run([sys.executable, "-c", script, str(file), str(cache), share], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert list(cache.glob("*.parquet")) == []
    assert len(look_up(file, cache=cache)) == 60

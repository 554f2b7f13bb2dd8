"""Files that commands write where a person says: moodlog's own are replaced, no other file is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from flows.cli import main
from mood_core.domain.records import FEATURES, MOODS
from tests.exports import extended

_FOREIGN = b"my,thesis\n1,2\n"


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def tracks(home: Path, tmp_path: Path) -> str:
    """A file of labelled tracks."""
    path = tmp_path / "tracks.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *FEATURES, "mood"])
        values = [0.95, 0.3, 0.1, 0.9, 0.1, -25.0, 0.04, 80.0, 0.1, 180_000]
        writer.writerows([f"{at:022d}", *values, MOODS[at % 4]] for at in range(40))
    return str(path)


_COMMANDS = {
    "a report": ("report", "--out", "{out}.html"),
    "moods of a file": ("predict", "--features", "{tracks}", "--out", "{out}.parquet"),
    "a dataset": ("dataset", "build", "--playlist", f"Calm={'a' * 22}", "--out", "{out}.csv"),
    "a plot": ("dataset", "describe", "{tracks}", "--plot", "{out}.png"),
    "a result": ("evaluate", "--data", "{tracks}", "--protocol", "public", "--out", "{out}.json"),
}


@pytest.mark.parametrize("words", _COMMANDS.values(), ids=_COMMANDS)
def test_no_foreign_file_is_replaced(tracks: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    words = tuple(word.format(tracks=tracks, out=tmp_path / "out") for word in words)
    out = Path(words[-1])
    out.write_bytes(_FOREIGN)
    done = _moodlog(*words)
    assert done.exit_code == 2, done.output
    assert f"{out} is not a" in done.stderr
    assert "not replaced" in done.stderr
    assert out.read_bytes() == _FOREIGN
    (tmp_path / "link").symlink_to(out)
    refused = _moodlog(*words[:-1], str((tmp_path / "link").rename(out.with_stem("link"))))
    assert (refused.exit_code, "regular file" in refused.stderr) == (2, True)


def test_own_files_are_replaced_and_a_table_of_other_columns_is_not(tracks: str, tmp_path: Path) -> None:
    moods, plot, page = (str(tmp_path / name) for name in ("moods.parquet", "plot.png", "page.html"))
    export = tmp_path / "Streaming_History_Audio_2020_0.json"
    export.write_text(json.dumps([extended(1)]), encoding="utf-8")
    assert _moodlog("import", str(export)).exit_code == 0
    for _ in range(2):
        assert _moodlog("report", "--out", page).exit_code == 0
        assert _moodlog("predict", "--features", tracks, "--out", moods).exit_code == 0
        assert _moodlog("dataset", "describe", tracks, "--plot", plot).exit_code == 0
    parquet.write_table(pa.table({"track_id": ["a"]}), moods)
    assert _moodlog("predict", "--features", tracks, "--out", moods).exit_code == 2


def test_a_missing_folder_is_named_before_the_work(tracks: str, tmp_path: Path) -> None:
    missing = tmp_path / "none"
    for words in list(_COMMANDS.values())[1:]:
        if "describe" not in words:
            done = _moodlog(*(word.format(tracks=tracks, out=missing / "out") for word in words))
            assert (done.exit_code, f"{missing} does not exist" in done.stderr) == (2, True), done.output

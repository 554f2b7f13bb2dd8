"""Labelled tracks are read whatever their columns are called, and refused with file, row, column and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from mood_core.classifier.training.data import read_labelled
from mood_core.errors import InputError
from mood_core.records import MOODS


def _rows(per_class: int = 10, classes: tuple[str, ...] = MOODS) -> list[dict[str, Any]]:
    return [
        {
            "id": f"track{number:018d}",
            "artist": f"artist {number % 7}",
            "length": 180_000 + number,
            "danceability": 0.5,
            "acousticness": round(0.01 * (number % 90), 3),
            "energy": 0.4,
            "instrumentalness": 0.0,
            "liveness": 0.1,
            "valence": 0.5,
            "speechiness": 0.05,
            "loudness": -7.5,
            "tempo": 120.0,
            "mood": classes[number % len(classes)],
        }
        for number in range(per_class * len(classes))
    ]


def _write(rows: list[dict[str, Any]], path: Path) -> Path:
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)
    return path


@pytest.mark.parametrize("name", ["tracks.csv", "tracks.parquet"])
def test_csv_and_parquet_give_the_same_tracks(tmp_path: Path, name: str) -> None:
    tracks = read_labelled(_write(_rows(), tmp_path / name))
    assert tracks.counts() == dict.fromkeys(MOODS, 10)
    assert tracks.matrix.shape == (40, 10)
    assert tracks.matrix[3, -1] == 180_003
    assert tracks.artists is not None
    assert tracks.artists[8] == "artist 1"


@pytest.mark.parametrize("alias", ["duration_ms", "length", "duration", "duration (ms)"])
@pytest.mark.parametrize("identity", ["id", "track_id", "uri", "spotify_id"])
def test_every_known_column_name_is_understood(tmp_path: Path, alias: str, identity: str) -> None:
    rows = [
        {**{k: v for k, v in row.items() if k not in ("length", "id")}, alias: row["length"], identity: row["id"]}
        for row in _rows()
    ]
    assert read_labelled(_write(rows, tmp_path / "tracks.csv")).matrix[0, -1] == 180_000


def test_other_label_sets_are_taken_in_alphabetical_order(tmp_path: Path) -> None:
    tracks = read_labelled(_write(_rows(classes=("sleep", "party", "focus")), tmp_path / "tracks.csv"))
    assert tracks.classes == ("focus", "party", "sleep")


def test_a_file_without_durations_or_ids_is_taken(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k not in ("length", "id")} for row in _rows()]
    for number, row in enumerate(rows):
        row["tempo"] = 80.0 + number
    assert len(read_labelled(_write(rows, tmp_path / "tracks.csv"))) == 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": 1.2}, "row 3: energy is 1.2, outside 0 to 1"),
        ({"loudness": 40.0}, "row 3: loudness is 40"),
        ({"length": 180}, "row 3: length is 180, .*seconds"),
        ({"tempo": None}, "row 3: tempo is missing"),
        ({"mood": "Hapy"}, "row 3, column mood: 'Hapy' is none of"),
        ({"mood": None}, "row 3, column mood is empty"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    rows = _rows(11)
    rows[2] |= change
    with pytest.raises(InputError, match=rf"tracks\.parquet, {said}"):
        read_labelled(_write(rows, tmp_path / "tracks.parquet"))


def test_text_among_numbers_is_named(tmp_path: Path) -> None:
    path = _write(_rows(), tmp_path / "tracks.csv")
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("-7.5", "loud")
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="row 4, column loudness: 'loud' is not a number"):
        read_labelled(path)


def test_a_track_twice_and_a_track_with_two_labels_are_told_apart(tmp_path: Path) -> None:
    rows = _rows()
    with pytest.raises(InputError, match=r"row 41: .* stands already in row 1"):
        read_labelled(_write([*rows, rows[0]], tmp_path / "twice.csv"))
    with pytest.raises(InputError, match="is Sad here and Calm in row 1"):
        read_labelled(_write([*rows, {**rows[0], "mood": "Sad"}], tmp_path / "both.csv"))


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    rows = [row for row in _rows() if row["mood"] != "Happy"]
    with pytest.raises(InputError, match="0 tracks of Happy"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))
    assert read_labelled(tmp_path / "tracks.csv", minimum_tracks=0).counts()["Happy"] == 0


def test_a_missing_column_and_unreadable_files_are_named(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "valence"} for row in _rows()]
    with pytest.raises(InputError, match="lacks the column valence"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mood")
    for name in ("broken.parquet", "empty.csv", "notes.txt", "absent.csv"):
        with pytest.raises(InputError, match=name):
            read_labelled(tmp_path / name)

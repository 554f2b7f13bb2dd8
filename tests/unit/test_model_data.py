"""Labelled tracks are read whatever their columns are called, and refused with file, row, column and remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from mood_core.classifier.training.data import read_labelled
from mood_core.classifier.training.labels import parse_mood_words
from mood_core.domain.records import MOODS
from mood_core.errors import InputError


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
        ({"tempo": None}, "row 3: tempo is missing"),
        ({"mood": None}, "row 3: the mood is missing"),
        ({"mood": " "}, "row 3: the mood is missing"),
    ],
)
@pytest.mark.parametrize("name", ["tracks.csv", "tracks.parquet"])
def test_an_invalid_row_is_left_out_and_named(tmp_path: Path, change: dict[str, Any], said: str, name: str) -> None:
    rows = _rows(11)
    rows[2] |= change
    tracks = read_labelled(_write(rows, tmp_path / name))
    assert len(tracks) == 43
    assert f"1 invalid row is left out ({said}" in " ".join(tracks.notes)
    assert 180_002 not in tracks.matrix[:, -1]


def test_durations_in_seconds_count_as_missing_and_refuse_nothing(tmp_path: Path) -> None:
    rows = [{**row, "length": 180, "tempo": 80.0 + number} for number, row in enumerate(_rows())]
    tracks = read_labelled(_write(rows, tmp_path / "tracks.csv"))
    assert np.isnan(tracks.matrix[:, -1]).all()
    assert "'length' is not used" in " ".join(tracks.notes)
    assert "seconds" in " ".join(tracks.notes)
    rows[2]["length"] = 0
    one = read_labelled(_write([{**row, "length": row["length"] * 1000} for row in rows], tmp_path / "one.csv"))
    assert len(one) == 40
    assert np.isnan(one.matrix[:, -1]).sum() == 1


@pytest.mark.parametrize(("column", "factor"), [("loudness", 0), ("tempo", 0), ("energy", 100)])
def test_a_scale_that_predict_refuses_is_refused(tmp_path: Path, column: str, factor: int) -> None:
    rows = [{**row, column: factor * row[column] if factor else 0.1 + 0.02 * n} for n, row in enumerate(_rows())]
    with pytest.raises(InputError, match=f"tracks.csv.*{column}"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))


@pytest.mark.parametrize(
    ("column", "value", "remedy"), [("loudness", 0.4, "give dB"), ("tempo", 0.5, "beats"), ("energy", 40, "fractions")]
)
def test_a_scale_of_one_source_alone_is_refused(tmp_path: Path, column: str, value: float, remedy: str) -> None:
    rows = [{**row, "source": "ab"[n % 4 == 0], "tempo": 80.0 + n} for n, row in enumerate(_rows(50))]
    wrong = [{**row, column: value} if row["source"] == "b" else row for row in rows]
    path = _write(wrong, tmp_path / "tracks.csv")
    with pytest.raises(InputError, match=rf"tracks.csv, source 'b': the column '{column}' .*{remedy}"):
        read_labelled(path)
    one = read_labelled(_write([*rows, {**wrong[0], "source": "b"}], tmp_path / "one.csv"))
    assert len(one) >= 200  # one invalid row is left out
    everywhere = [{**row, column: value} for row in rows]
    with pytest.raises(InputError, match=rf"everywhere.csv: the column '{column}'"):
        read_labelled(_write(everywhere, tmp_path / "everywhere.csv"))


def test_sources_without_a_name_or_in_other_case_have_one_rule(tmp_path: Path) -> None:
    names = ["C01", " c01 ", "", None, "Unknown"]
    rows = [{**row, "source": names[n % 5], "tempo": 80.0 + n} for n, row in enumerate(_rows())]
    tracks = read_labelled(_write(rows, tmp_path / "tracks.parquet"))
    assert set(tracks.sources or ()) == {"C01", "unknown"}
    assert "rows without a source: 16; they count as one more source, 'unknown'" in tracks.notes
    assert "sources that differ only in case are one source: 'Unknown' as 'unknown', 'c01' as 'C01'" in tracks.notes
    none = read_labelled(_write([{**row, "source": " "} for row in rows], tmp_path / "none.csv"))
    assert none.sources is None


def test_text_among_numbers_is_left_out(tmp_path: Path) -> None:
    path = _write(_rows(11), tmp_path / "tracks.csv")
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("-7.5", "loud")
    path.write_text("\n".join(lines))
    tracks = read_labelled(path)
    assert len(tracks) == 43
    assert "row 4: loudness is missing" in " ".join(tracks.notes)


def test_a_track_twice_is_left_out_and_two_moods_of_a_track_share_its_weight(tmp_path: Path) -> None:
    rows = _rows()
    tracks = read_labelled(_write([*rows, rows[0]], tmp_path / "twice.csv"))
    assert len(tracks) == 40
    assert "row 41: a track with the same features is already in row 1" in " ".join(tracks.notes)
    both = read_labelled(_write([*rows, {**rows[0], "mood": "Sad"}], tmp_path / "both.csv"))
    assert "1 tracks have more than one mood" in " ".join(both.notes)
    assert both.shares()[[0, 1, 40]].tolist() == [0.5, 1.0, 0.5]
    assert both.recordings()[0] == both.recordings()[40] != both.recordings()[1]


def test_a_track_id_counts_where_another_column_numbers_the_rows(tmp_path: Path) -> None:
    rows = [{**row, "id": n, "track_id": f"{n:022d}", "tempo": 80.0 + n} for n, row in enumerate(_rows())]
    for number, track_id in ((41, f"{0:022d}"), (42, f"{99:022d}")):
        again = {**rows[0], "id": number, "track_id": track_id, "mood": "Sad", "tempo": 200.0}
        tracks = read_labelled(_write([*rows, again], tmp_path / f"{number}.csv"))
        assert len(tracks) == 41
        assert (tracks.recordings()[40] == tracks.recordings()[0]) == (number == 41)


WORDS = {"Calm": "chill", "Energetic": "ENERGETIC", "Happy": "happy", "Sad": "sad"}


def test_other_words_are_refused_with_a_proposal_and_mapped_by_it(tmp_path: Path) -> None:
    rows = [{**row, "mood": WORDS[row["mood"]]} for row in _rows()]
    path = _write(rows, tmp_path / "tracks.csv")
    with pytest.raises(InputError, match=r"'chill' \(10\)") as refused:
        read_labelled(path)
    options = re.findall(r"--mood (\S+)", refused.value.message)
    assert sorted(options) == ["ENERGETIC=Energetic", "chill=Calm", "happy=Happy", "sad=Sad"]
    tracks = read_labelled(path, words=parse_mood_words(options))
    assert (tracks.classes, tracks.counts()) == (MOODS, dict.fromkeys(MOODS, 10))
    fewer = read_labelled(path, words=parse_mood_words([*options, "chill="]), minimum_tracks=0)
    assert fewer.counts()["Calm"] == 0
    assert "10 tracks of 'chill' are left out" in " ".join(fewer.notes)


def test_a_misspelt_mood_is_refused_and_not_a_class_of_its_own(tmp_path: Path) -> None:
    rows = _rows(11)
    rows[2]["mood"] = "Hapy"
    with pytest.raises(InputError, match=r"'Hapy' .1. is not among .* --mood Hapy=MOOD"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))
    with pytest.raises(InputError, match="'calm'"):
        read_labelled(_write([{**row, "mood": "calm"} for row in rows], tmp_path / "t.csv"), classes=MOODS)


@pytest.mark.parametrize("option", ["sad", "=Sad", "sad=Blue", ""])
def test_what_maps_no_word_is_refused(option: str) -> None:
    with pytest.raises(InputError, match="WORD=MOOD"):
        parse_mood_words([option])
    assert parse_mood_words(["a=b=sad", " x =", "1=CALM"]) == {"a=b": "Sad", "x": "", "1": "Calm"}


def test_labels_that_are_not_moods_are_reported(tmp_path: Path) -> None:
    tracks = read_labelled(_write(_rows(classes=("sleep", "focus")), tmp_path / "tracks.csv"))
    assert "labels no listens" in " ".join(tracks.notes)


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    rows = [row for row in _rows() if row["mood"] != "Happy"]
    with pytest.raises(InputError, match="0 tracks of Happy"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))
    assert read_labelled(tmp_path / "tracks.csv", minimum_tracks=0).counts()["Happy"] == 0


def test_a_missing_column_and_unreadable_files_are_named(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "valence"} for row in _rows()]
    with pytest.raises(InputError, match="valence are missing"):
        read_labelled(_write(rows, tmp_path / "tracks.csv"))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mood")
    for name in ("broken.parquet", "empty.csv", "notes.txt", "absent.csv"):
        with pytest.raises(InputError, match=name):
            read_labelled(tmp_path / name)

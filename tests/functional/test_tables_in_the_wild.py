"""Tables of audio features as people have them: every command reads them alike, or refuses them with a remedy."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.classifier.training import evaluation
from mood_core.classifier.training.baselines import BASELINES
from mood_core.classifier.training.data import read_labelled
from mood_core.classifier.training.model import training_set
from mood_core.domain.records import FEATURES, MOODS, Track
from mood_core.errors import InputError
from mood_core.features.catalog.source import CatalogSource
from tests.labelled_tracks import made_up_tracks
from tests.unit.features_fakes import AT

Rows = list[dict[str, Any]]


def _rows(count: int = 48) -> Rows:
    rows = []
    for n in range(count):
        kind = n % 4
        row: dict[str, Any] = {"id": f"{n:022d}", "artist": f"Artist {n % 9}", "duration_ms": 180_000 + n}
        row |= {name: round(0.1 + 0.004 * n, 4) for name in FEATURES[:-1]}
        row |= {"energy": (0.15, 0.9, 0.6, 0.3)[kind], "valence": (0.3, 0.5, 0.85, 0.1)[kind]}
        rows.append(row | {"loudness": -20.0 + 4 * kind, "tempo": 80.0 + n, "mood": MOODS[kind]})
    return rows


def _renamed(rows: Rows, names: dict[str, str], **more: Any) -> Rows:
    return [{**{names.get(key, key): value for key, value in row.items()}, **more} for row in rows]


def _exportify(rows: Rows) -> Rows:
    names = {name: name.title() for name in FEATURES[:-1]}
    names |= {"id": "Track URI", "artist": "Artist Name(s)", "duration_ms": "Track Duration (ms)"}
    found = _renamed(rows, names, **{"Track Name": "a; b", "Explicit": "False", "Added At": "2024-01-01"})
    return [{**row, "Track URI": f"spotify:track:{row['Track URI']}"} for row in found]


def _older_exportify(rows: Rows) -> Rows:
    return [
        {("Duration (ms)" if k == "Track Duration (ms)" else k): v for k, v in row.items()} for row in _exportify(rows)
    ]


def _spotifyr(rows: Rows) -> Rows:
    names = {"id": "track.id", "duration_ms": "track.duration_ms", "artist": "track.artists"}
    return _renamed(rows, names, **{"track.name": "x", "key_mode": "C major"})


def _kaggle_114k(rows: Rows) -> Rows:
    return [
        {"": n, **row, "track_genre": "ska", "time_signature": 4}
        for n, row in enumerate(_renamed(rows, {"id": "track_id", "artist": "artists"}))
    ]


def _kaggle_1200k(rows: Rows) -> Rows:
    return [
        {**row, "artists": f"['{row['artists']}']", "artist_ids": "['x']", "release_date": "1999", "year": 1999}
        for row in _renamed(rows, {"artist": "artists"}, name="x", explicit=False)
    ]


def _row_numbers(rows: Rows) -> Rows:
    return [{**row, "id": n, "track_id": row["id"]} for n, row in enumerate(rows)]


FORMS: dict[str, Callable[[Rows], Rows]] = {
    "plain": list,
    "exportify": _exportify,
    "older exportify": _older_exportify,
    "spotifyr": _spotifyr,
    "114k": _kaggle_114k,
    "1.2M": _kaggle_1200k,
    "row numbers": _row_numbers,
    "labels": lambda rows: _renamed(rows, {"mood": "labels"}),
    "label": lambda rows: _renamed(rows, {"mood": "Label"}),
    "two durations": lambda rows: _renamed(rows, {}, length="3:20", Duration_ms="x"),
}


def _text(rows: Rows, delimiter: str = ",") -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _zst(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


FILES: dict[str, Callable[[Rows], bytes]] = {
    "semicolon.csv": lambda rows: _text(rows, ";").encode(),
    "tab.tsv": lambda rows: _text(rows, "\t").encode(),
    "bar.csv": lambda rows: _text(rows, "|").encode(),
    "bom.csv": lambda rows: _text(rows).encode("utf-8-sig"),
    "utf16.csv": lambda rows: _text(rows).encode("utf-16"),
    "crlf.csv": lambda rows: _text(rows).replace("\n", "\r\n").encode(),
    "packed.csv.gz": lambda rows: gzip.compress(_text(rows).encode()),
    "packed.csv.bz2": lambda rows: bz2.compress(_text(rows).encode()),
    "packed.tsv.zst": lambda rows: _zst(_text(rows, "\t").encode()),
}


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _read_everywhere(path: Path, folder: Path) -> list[tuple[float, float | None]]:
    """(energy, duration) of the first tracks, by every reader."""
    wanted = [Track(f"{n:022d}", "", ()) for n in range(4)]
    found = CatalogSource([str(path)], folder / "cache").fetch(wanted, AT).found
    tracks = read_labelled(path)
    assert tracks.counts() == dict.fromkeys(MOODS, 12)
    assert tracks.artists is not None
    by_training = [(round(float(row[2]), 6), float(row[-1])) for row in tracks.matrix[:4]]
    by_catalogue = [(each.energy, each.duration_ms) for each in found]
    assert by_training == by_catalogue
    predicted = _moodlog("predict", "--features", str(path), "--json")
    assert predicted.exit_code == 0, predicted.output
    lines = [json.loads(line) for line in predicted.stdout.splitlines()]
    assert [line["track_id"] for line in lines] == [f"{n:022d}" for n in range(48)]
    assert all(line["mood"] for line in lines)
    return list(by_catalogue)


PLAIN = [(0.15, 180_000), (0.9, 180_001), (0.6, 180_002), (0.3, 180_003)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_alike_by_catalogue_predict_and_training(home: Path, tmp_path: Path, form: str) -> None:
    (path := tmp_path / "x.csv").write_text(_text(FORMS[form](_rows())), encoding="utf-8")
    assert _read_everywhere(path, tmp_path) == PLAIN


@pytest.mark.parametrize("name", FILES)
def test_every_way_to_write_a_csv_is_read_alike(home: Path, tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_bytes(FILES[name](_rows()))
    assert _read_everywhere(path, tmp_path) == PLAIN


def test_the_same_rows_under_other_headings_give_the_same_scores(home: Path, tmp_path: Path) -> None:
    scores = set()
    for form in ("plain", "exportify", "spotifyr", "114k"):
        (path := tmp_path / f"{form.replace(' ', '-')}.csv").write_text(_text(FORMS[form](_rows())), encoding="utf-8")
        model = str(Path(evaluation.__file__).parents[2] / "saved_models" / "playlist-moods" / "2")
        done = _moodlog("evaluate", "--data", str(path), "--model", model, "--no-baselines", "--json")
        assert done.exit_code == 0, done.output
        scores.add(json.loads(done.stdout)["log_loss"])
    assert len(scores) == 1


def test_describe_says_what_is_missing_and_gives_no_mean_of_nothing(home: Path, tmp_path: Path) -> None:
    rows = [{key: value for key, value in row.items() if key != "duration_ms"} for row in _rows()]
    (path := tmp_path / "x.csv").write_text(_text(_renamed(rows, {"mood": "label"}, extra=1)), encoding="utf-8")
    done = _moodlog("dataset", "describe", str(path), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["means"]["Calm"]["duration_ms"] is None
    assert done.stderr.count("duration_ms") == 1
    assert done.stderr.count("extra") == 1


def test_describe_and_evaluate_map_words_as_the_refusal_proposes(home: Path, tmp_path: Path) -> None:
    rows = [{**row, "mood": row["mood"].lower()} for row in _rows()]
    (path := tmp_path / "x.csv").write_text(_text(rows), encoding="utf-8")
    for command in (("dataset", "describe", str(path)), ("train", "--data", str(path), "--out", str(tmp_path / "m"))):
        refused = _moodlog(*command)
        assert refused.exit_code == 2
        options = re.findall(r"--mood \S+=\w+", refused.output)
        assert sorted(options) == [f"--mood {mood.lower()}={mood}" for mood in sorted(MOODS)]
    assert not (tmp_path / "m").exists()
    done = _moodlog("dataset", "describe", str(path), *" ".join(options).split(), "--json")
    assert json.loads(done.stdout)["tracks"] == dict.fromkeys(MOODS, 12)


@pytest.mark.parametrize("name", ["gradient_boosting", "logistic_regression"])
def test_every_baseline_learns_from_tracks_without_durations(tmp_path: Path, name: str) -> None:
    rows = [{key: value for key, value in row.items() if key != "duration_ms"} for row in _rows()]
    (path := tmp_path / "x.csv").write_text(_text(rows), encoding="utf-8")
    tracks = read_labelled(path)
    predict = BASELINES[name](training_set(tracks))
    assert predict(tracks.matrix).shape == (48, 4)


@pytest.mark.slow
@pytest.mark.keras
def test_train_and_evaluate_work_without_durations(home: Path, tmp_path: Path) -> None:
    path = made_up_tracks(tmp_path / "x.csv", durations=False)
    options = ("--data", str(path), "--folds", "2", "--repeats", "1")
    done = _moodlog("evaluate", *options, "--json")
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)["baselines"]) == set(BASELINES)
    done = _moodlog("train", *options, "--out", str(tmp_path / "models"))
    assert done.exit_code == 0, done.output
    assert "duration_ms" in done.stderr
    (tmp_path / "ids.csv").write_text(_text(_rows()), encoding="utf-8")
    model = str(tmp_path / "models/my-moods/1")
    predicted = _moodlog("predict", "--features", str(tmp_path / "ids.csv"), "--model", model)
    assert predicted.exit_code == 0, predicted.output


@pytest.mark.parametrize("name", ["exportify", "spotifyr"])
def test_the_shared_tables_of_features_are_read(home: Path, shared: Path, tmp_path: Path, name: str) -> None:
    path = shared / "cases" / f"features-{name}.csv"
    done = _moodlog("predict", "--features", str(path), "--json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["mood"] for line in lines)
    ids = [Track(line["track_id"], "", ()) for line in lines]
    found = CatalogSource([str(path)], tmp_path / "cache").fetch(ids, AT).found
    assert len(found) == len(lines) > 20
    assert all(each.duration_ms for each in found)


def test_the_shared_labelled_tables_are_read_alike_or_refused(shared: Path) -> None:
    cases = shared / "cases"
    plain = read_labelled(cases / "labelled-plain.csv")
    for name in ("other-heading", "semicolon"):
        again = read_labelled(cases / f"labelled-{name}.csv")
        assert (again.matrix == plain.matrix).all()
        assert (again.labels == plain.labels).all()
    assert len(read_labelled(cases / "labelled-no-duration.csv")) == len(plain)
    assert "more than one mood" in " ".join(read_labelled(cases / "labelled-row-number-id.csv").notes)
    for name, said in (("lower-case", "--mood"), ("loudness-0-1", "dB")):
        with pytest.raises(InputError, match=said):
            read_labelled(cases / f"labelled-{name}.csv")

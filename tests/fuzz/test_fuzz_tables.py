"""Files of features and labels from elsewhere: used, counted row by row, or refused in one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from mood_core.classifier import Classifier, load_classifier
from mood_core.classifier.training.data import read_labelled
from mood_core.domain.records import FEATURES, Track
from mood_core.domain.vectors import in_range
from mood_core.errors import InputError
from mood_core.features.catalog.report import check_files
from mood_core.features.catalog.source import CatalogSource
from mood_core.usecases.models.predict_file import predict_file
from tests.fuzz.hostile import check_sentence, damaged, fuzz, one_sentence
from tests.fuzz.tables import csv_bytes, parquet_bytes

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_TRACKS = [Track(f"{row:022d}", "", ()) for row in range(44)]


@pytest.fixture(scope="module")
def model() -> Classifier:
    """The bundled model."""
    return load_classifier()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[], Path]:
    """Makes an empty folder, the same one each time."""

    def fresh() -> Path:
        shutil.rmtree(tmp_path / "fuzz", ignore_errors=True)
        (tmp_path / "fuzz").mkdir()
        return tmp_path / "fuzz"

    return fresh


def _look_at(file: Path, folder: Path, model: Classifier) -> None:
    """Everything that reads a file of features."""
    before = file.read_bytes()
    (checked,) = check_files([str(file)], folder / "cache", lambda *_: None)
    if checked.problem is not None:
        check_sentence(checked.problem)
    with one_sentence():
        source = CatalogSource([str(file)], folder / "cache")
        for found in source.fetch(_TRACKS, NOW).found:
            assert found.track_id in {track.track_id for track in _TRACKS}
    out = folder / "moods.parquet"
    try:
        predict_file(str(file), model, out)
    except InputError as error:
        check_sentence(error.message)
        assert not out.exists()
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        {file.name, *(["moods.parquet"] if out.exists() else [])}
    )
    assert file.read_bytes() == before


def _named_in_latin_1(name: str) -> bytes:
    """A Parquet file with a column whose name is no UTF-8: reading the names fails, opening the file does not."""
    sink = pa.BufferOutputStream()
    columns = {each: pa.array(["0.5"]) for each in ("id", *FEATURES, "mood")}
    parquet.write_table(pa.table(columns), sink, store_schema=False)
    whole: bytes = sink.getvalue().to_pybytes()
    return whole.replace(name.encode(), b"\xec" + name[1:].encode())


def _text_in_latin_1() -> bytes:
    """A Parquet file whose ids are no UTF-8: converting them to text fails."""
    sink = pa.BufferOutputStream()
    columns = {"id": pa.array([b"\xb0"]).cast(pa.binary()), **{name: pa.array([0.5]) for name in FEATURES}}
    table = pa.table(columns)
    ids = pa.Array.from_buffers(pa.string(), 1, table["id"].chunk(0).buffers())
    parquet.write_table(table.set_column(0, "id", ids), sink)
    return bytes(sink.getvalue())


@given(written=csv_bytes(labelled=False))
@example(written=(".csv", f"\ufeff\ufeffid,{','.join(FEATURES)}\n{'0' * 22}{',0.5' * 10}\n".encode()))
@example(written=(".csv", f"\ufeffid,{','.join(FEATURES)}\n{'0' * 22}{',0.5' * 10}\n".encode("utf-16")))
@fuzz(40)
def test_any_csv_of_features(folder: Callable[[], Path], model: Classifier, written: tuple[str, bytes]) -> None:
    place = folder()
    (file := place / f"tracks{written[0]}").write_bytes(written[1])
    _look_at(file, place, model)


@given(data=parquet_bytes(labelled=False) | st.binary(max_size=100))
@example(data=_named_in_latin_1("loudness"))
@example(data=_text_in_latin_1())
@fuzz(40)
def test_any_parquet_of_features(folder: Callable[[], Path], model: Classifier, data: bytes) -> None:
    place = folder()
    (file := place / "tracks.parquet").write_bytes(data)
    _look_at(file, place, model)


@given(written=csv_bytes(labelled=True) | parquet_bytes(labelled=True).map(lambda data: (".parquet", data)))
@example(written=(".csv", "id,mood\n".encode("utf-16")))
@example(written=(".csv", b"id,m\xe9od\n1,2\n"))
@example(written=(".parquet", _named_in_latin_1("mood")))
@fuzz(80)
def test_any_file_of_labels(folder: Callable[[], Path], written: tuple[str, bytes]) -> None:
    (file := folder() / f"moods{written[0]}").write_bytes(written[1])
    with one_sentence():
        tracks = read_labelled(file, minimum_tracks=2)
        assert tracks.matrix.shape == (len(tracks), len(FEATURES))
        assert in_range(tracks.matrix).all()
        assert set(tracks.labels) <= set(range(len(tracks.classes)))


@given(data=st.data())
@fuzz(12)
def test_a_corrupted_conversion_is_made_again(folder: Callable[[], Path], data: st.DataObject) -> None:
    """The cache of converted catalogue files lies on a person's disk, where anything can happen to it."""
    from tests.fuzz.tables import valid_rows

    place = folder()
    file = place / "tracks.csv"
    file.write_text("\n".join(",".join(row) for row in valid_rows(44, labelled=False)), encoding="utf-8")
    whole = CatalogSource([str(file)], place / "cache").fetch(_TRACKS, NOW)
    (converted,) = (place / "cache").iterdir()
    converted.write_bytes(data.draw(damaged(converted.read_bytes())))
    with one_sentence():
        again = CatalogSource([str(file)], place / "cache").fetch(_TRACKS, NOW)
        assert {found.track_id for found in again.found} <= {found.track_id for found in whole.found}

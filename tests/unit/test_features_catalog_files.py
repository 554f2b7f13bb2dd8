"""The person's own files: what is recognised, and which row of which file counts."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from mood_core.domain.records import Track
from mood_core.features.catalog.source import CatalogSource
from mood_core.tabular.files import find_files
from tests.unit.catalog_files import ROWS, Row, changed, either_format, look_up, renamed, write_csv, write_parquet
from tests.unit.features_fakes import AT, track_id, tracks


@either_format
def test_features_are_found_with_the_file_s_name_as_source(
    write: Callable[[Path, Sequence[Row]], Path], tmp_path: Path
) -> None:
    file = write(tmp_path / "mine.parquet" if write is write_parquet else tmp_path / "mine.csv", ROWS)
    found = look_up(file, cache=tmp_path / "cache")
    assert len(found) == 60
    first = found[track_id(1)]
    assert (first.energy, first.duration_ms, first.source, first.fetched_at) == (
        0.01,
        180_001,
        f"catalog:{file.name}",
        AT,
    )


@either_format
@pytest.mark.parametrize(
    ("rows", "duration"),
    [
        (renamed(id="track_id", duration_ms="length"), 180_001),
        (renamed(id="Spotify_ID", duration_ms="duration"), 180_001),
        (renamed(id="Track URI", duration_ms="Duration (ms)", energy="Energy", tempo="TEMPO"), 180_001),
        ([{**row, "uri": f"spotify:track:{row['id']}", "id": str(n)} for n, row in enumerate(ROWS)], 180_001),
        (changed(id=lambda value: f"https://open.spotify.com/track/{value}?si=0123"), 180_001),
        (changed(id=lambda value: f"https://open.spotify.com/intl-de/track/{value}"), 180_001),
        (changed(id=lambda value: f" spotify:track:{value} "), 180_001),
        ([{name: value for name, value in row.items() if name != "duration_ms"} for row in ROWS], None),
        (
            [{"Unnamed: 0": n, "name": 'a, "b"\nc', **row, "mode": 1, "key": None} for n, row in enumerate(ROWS)],
            180_001,
        ),
    ],
)
def test_the_public_data_sets_columns_are_recognised(
    write: Callable[[Path, Sequence[Row]], Path], rows: list[Row], duration: int | None, tmp_path: Path
) -> None:
    suffix = ".parquet" if write is write_parquet else ".csv"
    found = look_up(write(tmp_path / f"mine{suffix}", rows), cache=tmp_path / "cache")
    assert len(found) == 60
    assert found[track_id(1)].duration_ms == duration


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_usual_delimiter_and_encoding_is_read(delimiter: str, encoding: str, tmp_path: Path) -> None:
    rows = [{"name": "Größe, „ж“; |", **row} for row in ROWS]
    file = write_csv(tmp_path / "mine.csv", rows, delimiter=delimiter, encoding=encoding)
    assert len(look_up(file, cache=tmp_path / "cache")) == 60


def test_a_name_in_another_encoding_than_the_header_does_no_harm(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "mine.csv", [{"name": "Größe", **row} for row in ROWS], encoding="latin-1")
    assert len(look_up(file, cache=tmp_path / "cache")) == 60


def test_compressed_files_are_read(tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "mine.csv", ROWS)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(look_up(packed, cache=tmp_path / "cache")) == 60


@pytest.mark.parametrize(
    "convert",
    [str, Decimal, lambda value: f" {value} ", lambda value: f"+{value}" if value >= 0 else str(value)],
    ids=["text", "decimal", "padded", "signed"],
)
def test_numbers_written_otherwise_are_numbers(convert: Callable[[Any], Any], tmp_path: Path) -> None:
    rows = [{name: value if name == "id" else convert(value) for name, value in row.items()} for row in ROWS]
    rows = [{**row, "energy": convert(round(0.01 * n, 2))} for n, row in enumerate(rows, start=1)]
    if convert is Decimal:
        rows = [{k: round(v, 5) if isinstance(v, Decimal) else v for k, v in row.items()} for row in rows]
    found = look_up(write_parquet(tmp_path / "mine.parquet", rows), cache=tmp_path / "cache")
    assert found[track_id(7)].energy == pytest.approx(0.07)


@pytest.mark.parametrize(
    "schema",
    [
        {"id": pa.large_string()},
        {"id": pa.dictionary(pa.int32(), pa.string())},
        {"id": pa.string_view()},
        {"energy": pa.float32(), "tempo": pa.float16(), "duration_ms": pa.uint32()},
        {"tempo": pa.int16(), "loudness": pa.decimal128(5, 2), "energy": pa.large_string()},
        {"valence": pa.dictionary(pa.int8(), pa.string())},
    ],
    ids=str,
)
def test_parquet_s_many_types_are_read(schema: dict[str, pa.DataType], tmp_path: Path) -> None:
    rows = [{**row, "tempo": 120} for row in ROWS]
    table = pa.Table.from_pylist(rows)
    for name, kind in schema.items():
        column = table.column(name)
        text = pa.types.is_dictionary(kind) or pa.types.is_large_string(kind)
        column = column.cast(pa.string()) if text else column
        column = (
            column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column.cast(kind, safe=False)
        )
        table = table.set_column(table.column_names.index(name), name, column)
    parquet.write_table(table, tmp_path / "typed.parquet")
    found = look_up(tmp_path / "typed.parquet", cache=tmp_path / "cache")
    assert len(found) == 60
    assert found[track_id(50)].energy == pytest.approx(0.5)
    assert found[track_id(50)].duration_ms == 180_050


def test_folders_are_searched_and_the_first_file_wins(tmp_path: Path) -> None:
    folder = tmp_path / "features"
    (folder / "deeper").mkdir(parents=True)
    write_csv(folder / "b.csv", ROWS[:20])
    write_parquet(folder / "a.parquet", ROWS[:10])
    write_csv(folder / "deeper" / "c.csv", ROWS)
    (folder / "notes.txt").write_text("not features")
    (folder / ".hidden.csv").write_text("not features")
    found = look_up(folder, cache=tmp_path / "cache")
    sources = [found[track_id(n)].source for n in (1, 15, 40)]
    assert sources == ["catalog:a.parquet", "catalog:b.csv", "catalog:c.csv"]
    reversed_order = look_up(folder / "deeper", folder, cache=tmp_path / "cache")
    assert reversed_order[track_id(1)].source == "catalog:c.csv"


def test_files_that_differ_are_no_contradiction(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = write_csv(tmp_path / "first.csv", changed(energy=0.1))
    second = write_csv(tmp_path / "second.csv", changed(energy=0.2))
    assert {each.energy for each in look_up(first, second, cache=tmp_path / "cache").values()} == {0.1}
    assert caplog.text == ""


def test_an_unusable_row_leaves_the_track_to_the_next_file(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS * 5]
    rows[0]["valence"] = None
    first = write_csv(tmp_path / "first.csv", rows[:1] + ROWS[1:])
    second = write_csv(tmp_path / "second.csv", ROWS)
    assert track_id(1) not in look_up(first, cache=tmp_path / "cache")
    assert look_up(first, second, cache=tmp_path / "cache")[track_id(1)].source == "catalog:second.csv"


def test_a_miss_says_whether_the_files_know_the_track(tmp_path: Path) -> None:
    rows = [{**row, "tempo": None if row["id"] == track_id(3) else row["tempo"]} for row in ROWS]
    source = CatalogSource([str(write_csv(tmp_path / "mine.csv", rows))], tmp_path / "cache")
    misses = source.fetch([*tracks(4)[3:], *tracks(100)[99:]], AT).misses
    assert [(each.track_id, each.reason) for each in misses] == [(track_id(3), "unusable"), (track_id(99), "unknown")]


@either_format
def test_of_several_rows_the_first_usable_one_counts(
    write: Callable[[Path, Sequence[Row]], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twice = [{**ROWS[0], "energy": None}, {**ROWS[0], "energy": 0.5}, *ROWS[1:], {**ROWS[0], "energy": 0.9}, ROWS[1]]
    rows = twice + [{**row, "id": track_id(int(row["id"]) + 1000)} for row in ROWS * 3]
    suffix = ".parquet" if write is write_parquet else ".csv"
    found = look_up(write(tmp_path / f"mine{suffix}", rows), cache=tmp_path / "cache")
    assert found[track_id(1)].energy == 0.5
    assert "different values" in caplog.text


def test_a_file_listed_twice_counts_once(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", ROWS)
    assert len(find_files([str(file), str(tmp_path), file.as_uri()])) == 1


def test_a_tempo_of_zero_says_that_no_beat_was_found(tmp_path: Path) -> None:
    rows = [{**row, "tempo": 0 if n % 3 else 120} for n, row in enumerate(ROWS)]
    found = look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")
    assert {each.tempo for each in found.values()} == {0.0, 120.0}


def test_line_breaks_in_names_do_not_break_rows_however_long_the_file(tmp_path: Path) -> None:
    rows = [{"name": f"{n}\n" * 2000, **row} for n, row in enumerate(ROWS * 10)]
    file = write_csv(tmp_path / "a.csv", rows)
    assert file.stat().st_size > 4_300_000
    assert len(look_up(file, cache=tmp_path / "cache")) == 60


def test_a_few_odd_cells_invalidate_only_their_own_rows(tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(5) for row in ROWS]
    rows[0]["energy"], rows[1]["tempo"], rows[2]["loudness"], rows[3]["valence"] = "loud", 999, None, 1.5
    found = look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")
    assert {track_id(n) for n in range(1, 61)} - set(found) == {track_id(n) for n in (1, 2, 3, 4)}


@either_format
@pytest.mark.parametrize(
    ("column", "written", "learned"),
    [
        ("year", 1999, "1999"),
        ("Release Date", "1999-03-01", "1999-03-01"),
        ("track.album.release_date", "1999-03", "1999-03"),
        ("release_date", "0000", None),
        ("release_date", "soon", None),
        ("year", None, None),
    ],
)
def test_a_release_date_is_learned(
    write: Callable[[Path, Sequence[Row]], Path], column: str, written: object, learned: str | None, tmp_path: Path
) -> None:
    rows = [{**row, column: written} for row in ROWS]
    file = write(tmp_path / ("mine.parquet" if write is write_parquet else "mine.csv"), rows)
    tracks = [Track(track_id(1), "Song", ("A",)), Track(track_id(2), "Song", ("A",), release_date="1971")]
    result = CatalogSource([str(file)], tmp_path / "cache").fetch(tracks, AT)
    assert len(result.found) == 2
    assert [(each.track_id, each.release_date) for each in result.learned] == (
        [(track_id(1), learned)] if learned else []
    )


@either_format
def test_a_recording_is_found_by_its_code_where_the_durations_agree(
    write: Callable[[Path, Sequence[Row]], Path], tmp_path: Path
) -> None:
    rows = [{**row, "ISRC": f"gb-aaa-26-{number:05d}"} for number, row in enumerate(ROWS, start=1)]
    file = write(tmp_path / ("mine.parquet" if write is write_parquet else "mine.csv"), rows)
    source = CatalogSource([str(file)], tmp_path / "cache")
    other, reused, bare, own = (
        Track("a" * 22, "Song", ("A",), duration_ms=181_000, isrc="GBAAA2600007"),
        Track("b" * 22, "Song", ("A",), duration_ms=900_000, isrc="GBAAA2600008"),
        Track("isrc:GBAAA2600007", "Song", ("A",), isrc="GBAAA2600007"),
        Track(track_id(9), "Song", ("A",), duration_ms=900_000),
    )
    result = source.fetch([other, reused, bare, own], AT)
    assert [(each.track_id, round(each.energy, 6)) for each in result.found] == [
        (other.track_id, 0.07),
        (bare.track_id, 0.07),
        (own.track_id, 0.09),
    ]
    assert [(each.track_id, each.reason) for each in result.misses] == [(reused.track_id, "other_duration")]

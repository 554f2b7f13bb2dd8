"""The person's own files: what is recognised, what is refused with one clear sentence, and which row counts."""

from __future__ import annotations

import csv
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mood_core.errors import ConfigError, InputError
from mood_core.features.catalog import CatalogSource
from mood_core.features.catalog_files import find_files
from mood_core.features.catalog_lookup import open_table
from mood_core.features.values import NINE
from mood_core.records import AudioFeatures
from tests.unit.features_fakes import AT, VALUES, track_id, tracks

Row = dict[str, Any]
ROWS: list[Row] = [{"id": track_id(n), **VALUES, "energy": 0.01 * n, "duration_ms": 180_000 + n} for n in range(1, 61)]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(list(map(dict, rows))), path)
    return path


WRITERS: list[Callable[[Path, Sequence[Mapping[str, Any]]], Path]] = [write_csv, write_parquet]
either_format = pytest.mark.parametrize("write", WRITERS)


def look_up(*locations: Path | str, numbers: Sequence[int] = range(1, 61), cache: Path) -> dict[str, AudioFeatures]:
    source = CatalogSource([str(location) for location in locations], cache)
    wanted = [track for track in tracks(max(numbers) + 1) if int(track.track_id) in numbers]
    return {each.track_id: each for each in source.fetch(wanted, AT).found}


def changed(**columns: Any) -> list[Row]:
    """The rows with some columns replaced: a value, or a function of the old one."""
    return [
        {**row, **{name: new(row.get(name)) if callable(new) else new for name, new in columns.items()}} for row in ROWS
    ]


def renamed(**names: str) -> list[Row]:
    return [{names.get(name, name): value for name, value in row.items()} for row in ROWS]


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


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.list_(pa.float64()), pa.bool_()])
def test_a_column_that_is_neither_numbers_nor_text_is_refused(kind: pa.DataType, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    wrong = pa.nulls(len(ROWS), kind)
    parquet.write_table(table.set_column(table.column_names.index("energy"), "energy", wrong), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="'energy'"):
        look_up(tmp_path / "x.parquet", cache=tmp_path / "cache")


@either_format
def test_a_file_that_goes_away_meanwhile_is_named(write: Callable[[Path, Sequence[Row]], Path], tmp_path: Path) -> None:
    file = write(tmp_path / ("gone.parquet" if write is write_parquet else "gone.csv"), ROWS)
    (found,) = find_files([str(file)])
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        open_table(found, tmp_path / "cache", lambda _: None)


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


WRONG: list[tuple[str, list[Row], tuple[str, ...]]] = [
    (
        "percentages",
        changed(energy=lambda v: 100 * v, danceability=61, valence=43),
        ("'danceability'", "61", "percent"),
    ),
    ("percentages in one column", changed(speechiness=lambda _: 5.5), ("'speechiness'", "5.5", "percent")),
    ("seconds", changed(duration_ms=lambda v: v / 1000), ("'duration_ms'", "180.001", "seconds")),
    ("seconds of long tracks", changed(duration_ms=5_400), ("'duration_ms'", "5400", "seconds")),
    ("microseconds", changed(duration_ms=lambda v: v * 1_000_000), ("'duration_ms'", "1.80001e+11", "milliseconds")),
    ("minutes as text", changed(duration_ms="3:20"), ("'duration_ms'", "3:20", "not a number")),
    ("swapped tempo and energy", renamed(tempo="energy", energy="tempo"), ("'energy'", "121")),
    ("swapped loudness and valence", renamed(loudness="valence", valence="loudness"), ("'loudness'", "0.6", "swapped")),
    ("a positive loudness", changed(loudness=7.5), ("'loudness'", "7.5", "dB")),
    ("a normalised tempo", changed(tempo=0.55), ("'tempo'", "0.55", "BPM")),
    ("an impossible tempo", changed(tempo=1210), ("'tempo'", "1210", "BPM")),
    ("words", changed(liveness="high"), ("'liveness'", "high", "not a number")),
    ("percent signs", changed(energy="83%"), ("'energy'", "83%", "not a number")),
    ("decimal commas", changed(energy="0,83"), ("'energy'", "0,83", "not a number")),
    ("an empty column", changed(valence=None), ("'valence'", "empty")),
    ("ids of another service", changed(id="MBID-0001"), ("'id'", "MBID-0001", "Spotify")),
    ("a missing column", [{k: v for k, v in row.items() if k != "tempo"} for row in ROWS], ("tempo", "missing")),
    ("missing columns", [{k: row[k] for k in ("id", "energy")} for row in ROWS], ("valence", "missing")),
    ("no ids", [{k: v for k, v in row.items() if k != "id"} for row in ROWS], ("ids",)),
    ("two columns of one name", [{**row, "Energy": 0.5} for row in ROWS], ("'energy'", "'Energy'")),
]


@either_format
@pytest.mark.parametrize(("rows", "named"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_a_wrong_file_is_refused_with_file_column_and_example_and_changes_nothing(
    write: Callable[[Path, Sequence[Row]], Path], rows: list[Row], named: tuple[str, ...], tmp_path: Path
) -> None:
    file = write(tmp_path / ("wrong.parquet" if write is write_parquet else "wrong.csv"), rows)
    cache = tmp_path / "cache"
    with pytest.raises(InputError) as caught:
        look_up(file, cache=cache)
    for part in (str(file), *named):
        assert part in caught.value.message
    assert "\n" not in caught.value.message
    assert not cache.exists() or list(cache.iterdir()) == []


BROKEN: list[tuple[str, str, bytes, str]] = [
    ("empty csv", "x.csv", b"", "empty"),
    ("blank csv", "x.csv", b" \n\n", "empty"),
    ("empty parquet", "x.parquet", b"", "empty"),
    ("header alone", "x.csv", (",".join(ROWS[0]) + "\n").encode(), "no row"),
    ("binary csv", "x.csv", bytes(range(256)) * 40, "binary"),
    ("parquet named csv", "x.csv", b"PAR1" + b"\x15" * 50, "binary"),
    ("binary parquet", "x.parquet", bytes(range(256)) * 40, "Parquet"),
    ("csv named parquet", "x.parquet", b"id,energy\n1,2\n", "Parquet"),
    ("latin header", "x.csv", "größe;näme\n1;2\n".encode("latin-1"), "UTF-8"),
    ("not gzip", "x.csv.gz", b"id,energy\n1,2\n", "CSV"),
    ("json", "x.csv", b'{"id": "x"}\n', "ids"),
]


@pytest.mark.parametrize(("name", "content", "named"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_broken_file_is_refused_with_one_line(name: str, content: bytes, named: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=named) as caught:
        look_up(file, cache=tmp_path / "cache")
    assert str(file) in caught.value.message
    assert "\n" not in caught.value.message


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "x.parquet", ROWS)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="Parquet"):
        look_up(file, cache=tmp_path / "cache")


def test_an_empty_parquet_table_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS).slice(0, 0)
    parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no row"):
        look_up(tmp_path / "x.parquet", cache=tmp_path / "cache")


def test_many_damaged_rows_are_refused_and_few_are_left_out(tmp_path: Path) -> None:
    lines = write_csv(tmp_path / "x.csv", ROWS * 4).read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join([*lines, "cut,short"]))
    assert len(look_up(tmp_path / "few.csv", cache=tmp_path / "cache")) == 60
    (tmp_path / "many.csv").write_text("\n".join([*lines, *["cut,short"] * 20]))
    with pytest.raises(InputError, match="20 rows have the wrong number of cells, the first is 'cut,short'"):
        look_up(tmp_path / "many.csv", cache=tmp_path / "cache")


def test_a_quote_that_never_closes_is_not_taken_for_one_row(tmp_path: Path) -> None:
    lines = write_csv(tmp_path / "x.csv", [{"name": "n", **row} for row in ROWS * 10]).read_text().splitlines()
    lines[300] = '"' + lines[300]
    (tmp_path / "open.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"open\.csv"):
        look_up(tmp_path / "open.csv", cache=tmp_path / "cache")


@pytest.mark.parametrize("location", ["nowhere.csv", "nowhere/", "file:///nowhere/at/all.parquet"])
def test_a_file_that_is_not_there_is_named(location: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_files([location])


@pytest.mark.parametrize("location", ["nope://bucket/key.csv", "s3://"])
def test_an_address_of_no_known_kind_is_named(location: str) -> None:
    with pytest.raises(InputError, match="address"):
        find_files([location])


def test_a_folder_without_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        find_files([str(tmp_path)])


def test_a_file_listed_twice_counts_once(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", ROWS)
    assert len(find_files([str(file), str(tmp_path), file.as_uri()])) == 1


def test_a_cache_that_cannot_be_written_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="cache"):
        look_up(write_csv(tmp_path / "a.csv", ROWS), cache=tmp_path / "cache")


def test_a_csv_is_converted_once_and_again_only_when_it_changed(tmp_path: Path) -> None:
    file, cache = write_csv(tmp_path / "a.csv", ROWS), tmp_path / "cache"
    told: list[float] = []
    for _ in range(3):
        CatalogSource([str(file)], cache, lambda _file, share: told.append(share)).fetch(tracks(5), AT)
        if len(told) > 0:
            assert told[-1] == 1.0
    assert told == sorted(told)
    assert told.count(1.0) <= 2


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
        "from mood_core.features.catalog_convert import convert\n"
        "from mood_core.features.catalog_files import find_files\n"
        "def tell(share):\n"
        "    if share >= float(sys.argv[3]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "convert(find_files([sys.argv[1]])[0], Path(sys.argv[2]), tell)\n"
    )
    for share in ("0.01", "0.9"):
        killed = subprocess.run([sys.executable, "-c", script, str(file), str(cache), share], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert list(cache.glob("*.parquet")) == []
    assert len(look_up(file, cache=cache)) == 60


def test_a_scale_that_only_some_rows_are_on_is_refused(tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(5) for row in ROWS]
    rows[:6] = [{**row, "danceability": 55} for row in rows[:6]]
    with pytest.raises(InputError, match="'danceability' holds 55"):
        look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")


@pytest.mark.parametrize("part", [0, 5, 9])
def test_a_scale_that_only_some_row_groups_are_on_is_refused(part: int, tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(10) for row in ROWS]
    rows[60 * part : 60 * part + 60] = [{**row, "valence": 60} for row in rows[60 * part : 60 * part + 60]]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=60)
    with pytest.raises(InputError, match="'valence' holds 60"):
        look_up(tmp_path / "x.parquet", cache=tmp_path / "cache")


def test_a_tempo_of_zero_says_that_no_beat_was_found(tmp_path: Path) -> None:
    rows = [{**row, "tempo": 0 if n % 3 else 120} for n, row in enumerate(ROWS)]
    found = look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")
    assert {each.tempo for each in found.values()} == {0.0, 120.0}


def test_line_breaks_in_names_do_not_break_rows_however_long_the_file(tmp_path: Path) -> None:
    rows = [{"name": f"{n}\n" * 2000, **row} for n, row in enumerate(ROWS * 10)]
    file = write_csv(tmp_path / "a.csv", rows)
    assert file.stat().st_size > 4_300_000
    assert len(look_up(file, cache=tmp_path / "cache")) == 60


def test_a_few_odd_cells_spoil_their_own_rows_alone(tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(5) for row in ROWS]
    rows[0]["energy"], rows[1]["tempo"], rows[2]["loudness"], rows[3]["valence"] = "loud", 999, None, 1.5
    found = look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")
    assert {track_id(n) for n in range(1, 61)} - set(found) == {track_id(n) for n in (1, 2, 3, 4)}


CELL = st.none() | st.floats() | st.integers(-200, 200) | st.text(max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from([track_id(1), track_id(2), "spotify:track:" + track_id(3), "x"]) | CELL}
            | dict.fromkeys(VALUES, CELL | st.floats(0, 1)),
            optional={},
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_csv_is_read_or_refused_and_never_half_used(
    rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp = tmp_path_factory.mktemp("any")
    file = write_csv(tmp / "any.csv", rows, encoding="utf-8") if _encodable(rows) else None
    if file is None:
        return
    try:
        found = look_up(file, numbers=range(1, 4), cache=tmp / "cache")
    except InputError:
        return
    for features in found.values():
        own = [
            [float(row[name]) for name in NINE]
            for row in rows
            if str(row["id"]).strip().endswith(features.track_id) and all(_number(row[name]) for name in NINE)
        ]
        assert [getattr(features, name) for name in NINE] in own


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: ("id,energy\n" + text).encode("utf-8", "ignore"))
)
@pytest.mark.parametrize("name", ["any.csv", "any.parquet"])
def test_any_bytes_are_refused_in_one_line(name: str, content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp = tmp_path_factory.mktemp("bytes")
    (tmp / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        look_up(tmp / name, cache=tmp / "cache")
    assert "\n" not in caught.value.message


def _number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _encodable(rows: list[Row]) -> bool:
    try:
        str(rows).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return all(c < "\ud800" or c > "\udfff" for row in rows for value in row.values() for c in str(value))

"""The person's own files that cannot be believed: each is refused with one clear sentence and never half used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mood_core.domain.vectors import NINE
from mood_core.errors import InputError
from mood_core.features.catalog.lookup import open_table
from mood_core.tabular.feature_rows import RowCounts, feature_rows
from mood_core.tabular.files import find_files
from tests.unit.catalog_files import ROWS, Row, changed, either_format, look_up, renamed, write_csv, write_parquet
from tests.unit.features_fakes import VALUES, track_id


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


WRONG: list[tuple[str, list[Row], tuple[str, ...]]] = [
    (
        "percentages",
        changed(energy=lambda v: 100 * v, danceability=61, valence=43),
        ("'danceability'", "61", "percent"),
    ),
    ("percentages in one column", changed(speechiness=lambda _: 5.5), ("'speechiness'", "5.5", "percent")),
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


DURATIONS: list[tuple[list[Row], tuple[str, ...]]] = [
    (changed(duration_ms=lambda v: v / 1000), ("'duration_ms'", "180.001", "seconds")),
    (changed(duration_ms=5_400), ("'duration_ms'", "5400", "seconds")),
    (changed(duration_ms=lambda v: v * 1_000_000), ("'duration_ms'", "1.80001e+11", "milliseconds")),
    (changed(duration_ms="3:20"), ("'duration_ms'", "3:20", "not a number")),
]


@either_format
@pytest.mark.parametrize(("rows", "said"), DURATIONS)
def test_durations_on_another_scale_are_not_used_and_refuse_no_file(
    write: Callable[[Path, Sequence[Row]], Path], rows: list[Row], said: tuple[str, ...], tmp_path: Path
) -> None:
    file = write(tmp_path / ("odd.parquet" if write is write_parquet else "odd.csv"), rows)
    found = look_up(file, cache=tmp_path / "cache")
    assert len(found) == 60
    assert {each.duration_ms for each in found.values()} == {None}
    counts = RowCounts()
    list(feature_rows(find_files([str(file)])[0], counts))
    assert all(part in " ".join(counts.notes) for part in said)


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
    with pytest.raises(InputError, match=r"20 rows have the wrong number of cells, first in row .*'cut,short'"):
        look_up(tmp_path / "many.csv", cache=tmp_path / "cache")


@pytest.mark.parametrize("column", [0, 1, -1], ids=["first", "second", "last, which is not read"])
@pytest.mark.parametrize("row", [3, 300, 599], ids=["near the start", "in the middle", "near the end"])
def test_an_open_quote_is_refused_with_its_row_and_the_remedy(tmp_path: Path, column: int, row: int) -> None:
    rows = [{"name": "n", **one, "note": "n"} for one in ROWS * 10]
    assert len(rows) == 600
    lines = write_csv(tmp_path / "x.csv", rows).read_text().splitlines()
    cells = lines[row - 1].split(",")
    cells[column] = f'"{cells[column]}'
    lines[row - 1] = ",".join(cells)
    (tmp_path / "open.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=rf"open\.csv.* row {row}: .*close the quotes") as caught:
        look_up(tmp_path / "open.csv", cache=tmp_path / "cache")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("location", ["nowhere.csv", "nowhere/", "file:///nowhere/at/all.parquet"])
def test_a_file_that_is_not_there_is_named(location: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_files([location])


@pytest.mark.parametrize("location", ["nope://bucket/key.csv", "s3://"])
def test_an_address_of_no_known_kind_is_named(location: str) -> None:
    with pytest.raises(InputError, match="address"):
        find_files([location])


def test_a_folder_without_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a file or another folder"):
        find_files([str(tmp_path)])


def test_a_scale_that_only_some_rows_are_on_is_refused(tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(5) for row in ROWS]
    rows[:6] = [{**row, "danceability": 55} for row in rows[:6]]
    with pytest.raises(InputError, match="'danceability' contains 55"):
        look_up(write_csv(tmp_path / "a.csv", rows), cache=tmp_path / "cache")


@pytest.mark.parametrize("part", [0, 5, 9])
def test_a_scale_that_only_some_row_groups_are_on_is_refused(part: int, tmp_path: Path) -> None:
    rows = [{**row, "id": track_id(int(row["id"]) + 60 * n)} for n in range(10) for row in ROWS]
    rows[60 * part : 60 * part + 60] = [{**row, "valence": 60} for row in rows[60 * part : 60 * part + 60]]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=60)
    with pytest.raises(InputError, match="'valence' contains 60"):
        look_up(tmp_path / "x.parquet", cache=tmp_path / "cache")


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

"""Files of tracks as people have them and as nobody should write them: CSV in every spelling, Parquet of every type."""

from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from mood_core.domain.records import FEATURES
from tests.fuzz.hostile import TEXTS, damaged, texts

IDS = ["11dFghVXANMlKmJXsNCbNl", "2takcwOaAZWiXQijPHIx7B", "spotify:track:4uLU6hMCjMI75M1A2tKUQC", "", "nonsense", "7"]
_ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-7"]
_ENDINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    (".csv", bytes),
    (".csv", bytes),
    (".csv.gz", gzip.compress),
    (".csv.bz2", bz2.compress),
]
_CELLS = (
    st.sampled_from(["0.5", "0", "1", "-7.5", "120", "200000", "", "NaN", "inf", "-inf", "1e400", "+0.5", "0,5", "x"])
    | st.sampled_from(["1" * 400, "0x1F", "5e-324", "true", "1_000", "٣", "½", "1e5", ".5", "5.", "--1", "1e+1000"])
    | texts
)
_NAMES = st.sampled_from(["id", "track_id", "uri", *FEATURES, "mood", "artist", "duration (ms)", "Energy", " tempo "])


def _valid_cell(name: str, row: int) -> str:
    if name == "id":
        return f"{row:022d}"
    if name == "mood":
        return ("Calm", "Energetic", "Happy", "Sad")[row % 4]
    return {"loudness": f"{-7.5 - row}", "tempo": f"{100 + row}", "duration_ms": f"{200_000 + row}"}.get(
        name, f"{0.1 + row / 100}"
    )


def valid_rows(count: int, *, labelled: bool) -> list[list[str]]:
    """A header and ``count`` rows that every reader takes."""
    names = ["id", *FEATURES, *(["mood"] if labelled else [])]
    return [names, *([_valid_cell(name, row) for name in names] for row in range(count))]


@st.composite
def corrupted_rows(draw: st.DrawFn, *, labelled: bool, count: int = 44) -> list[list[str]]:
    """Valid rows with some cells, names, columns or rows changed."""
    rows = valid_rows(count, labelled=labelled)
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, max(len(rows[0]) - 1, 0)))
        match draw(st.sampled_from(["cell", "cell", "name", "name", "short", "long", "column", "drop", "id"])):
            case "cell" if column < len(rows[row]):
                rows[row][column] = draw(_CELLS)
            case "name" if rows[0]:
                rows[0][column] = draw(_NAMES | texts)
            case "short":
                rows[row] = rows[row][:column]
            case "long":
                rows[row] = [*rows[row], draw(_CELLS)]
            case "column":
                value = draw(_CELLS)
                rows = [rows[0], *([*each[:column], value, *each[column + 1 :]] for each in rows[1:])]
            case "drop":
                rows = rows[: draw(st.integers(1, 2))]
            case _:
                rows[row][:1] = [draw(st.sampled_from(IDS) | texts)]
    return rows


@st.composite
def csv_bytes(draw: st.DrawFn, *, labelled: bool) -> tuple[str, bytes]:
    """A file's ending and its bytes: another encoding, delimiter, quoting, compression, or damaged."""
    rows = draw(corrupted_rows(labelled=labelled))
    delimiter = draw(st.sampled_from([",", ",", ",", ";", "\t", "|", " "]))
    quote = draw(st.sampled_from(["", "", '"', "'"]))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = ends.join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows) + ends
    encoding = draw(st.sampled_from(_ENCODINGS))
    data = text.encode(encoding, "replace" if encoding != "utf-8" else "surrogatepass")
    if draw(st.integers(0, 3)) == 0:
        data = draw(damaged(data))
    ending, packed = draw(st.sampled_from(_ENDINGS))
    data = packed(data)
    return ending, data[: len(data) // 2] if draw(st.integers(0, 9)) == 0 else data


def _columns(count: int, *, labelled: bool) -> dict[str, pa.Array]:
    rows = valid_rows(count, labelled=labelled)
    columns = {name: [row[at] for row in rows[1:]] for at, name in enumerate(rows[0])}
    return {
        name: pa.array(cells) if name in ("id", "mood") else pa.array([float(cell) for cell in cells])
        for name, cells in columns.items()
    }


def _odd_arrays(count: int) -> list[pa.Array]:
    ids = [f"{row:022d}" for row in range(count)]
    return [
        pa.array(ids).dictionary_encode(), pa.array(ids, pa.large_string()), pa.array(ids, pa.string_view()),
        pa.array([each.encode() for each in ids]), pa.array([b"\xff\xfe"] * count), pa.array(range(count)),
        pa.array([2**63 - 1] * count), pa.array([2**64 - 1] * count, pa.uint64()),
        pa.array([0.5] * count, pa.float16()),
        pa.array([float("nan")] * count), pa.array([float("inf")] * count), pa.array([-1e308] * count),
        pa.nulls(count), pa.nulls(count, pa.string()), pa.nulls(count, pa.float64()), pa.array([True] * count),
        pa.array([0.5] * count).cast(pa.decimal128(10, 5)), pa.array([[0.5]] * count), pa.array([{"a": 1}] * count),
        pa.array([1] * count, pa.timestamp("ns")), pa.array([1] * count, pa.duration("s")),
        pa.array([1] * count, pa.date32()),
        pa.array(["0.5"] * count), pa.array(["x"] * count), pa.array(["\0"] * count), pa.array([""] * count),
        pa.array([None, *["0.5"] * (count - 1)]), pa.array([None, *[0.5] * (count - 1)]),
        pa.array([TEXTS[18]] * count), pa.array(["Happy"] * count).dictionary_encode(),
    ]  # fmt: skip


@st.composite
def parquet_bytes(draw: st.DrawFn, *, labelled: bool, count: int = 44) -> bytes:
    """A Parquet file with odd types, odd names, columns twice or missing, or damaged."""
    named: list[tuple[str, Any]] = list(_columns(count, labelled=labelled).items())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(named) - 1))
        name, array = named[at]
        match draw(st.sampled_from(["type", "type", "type", "name", "twice", "drop"])):
            case "type":
                named[at] = (name, draw(st.sampled_from(_odd_arrays(count))))
            case "name":
                named[at] = (draw(_NAMES | texts).encode("utf-8", "replace").decode(), array)
            case "twice":
                named.append((name, array))
            case _ if len(named) > 1:
                del named[at]
    table = pa.Table.from_arrays([array for _, array in named], names=[name for name, _ in named])
    table = table.slice(0, draw(st.sampled_from([count, count, count, 1, 0])))
    sink = io.BytesIO()
    parquet.write_table(table, sink, row_group_size=draw(st.sampled_from([1000, 7])))
    data = sink.getvalue()
    return draw(damaged(data)) if draw(st.integers(0, 3)) == 0 else data

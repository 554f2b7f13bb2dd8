"""``moodlog export``: everything of one person and nothing of another."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from flows.cli import main
from mood_core.store.queries.person_export import PART_OF
from mood_core.usecases.people.export_person import Rows, export_person
from standin import StandIn
from tests.nights import connect_listeners, contents, one_night, point_at, workspace_of

PARTS = {*PART_OF.values(), "earlier_names", "quarantined_rows"}


@pytest.fixture
def listens(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[tuple[int, str]]]:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        one_night(workspace)
        rows = contents(workspace)["listens"]
    return {id_: {(row[1], row[2]) for row in rows if row[0] == id_} for id_ in ids}


def _export(user: str, target: Path, kind: str) -> Result:
    return CliRunner().invoke(main, ["export", "--user", user, "--format", kind, "--output", str(target)])


def _read(content: bytes, kind: str) -> list[dict[str, str]]:
    if kind == "json":
        found: list[dict[str, str]] = json.loads(content)
        assert len(content.splitlines()) == len(found) + (2 if found else 1), "an object on each line"
        return found
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode())))
    rows: list[dict[str, str]] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_a_persons_listens_are_all_there(listens: dict[str, set[tuple[int, str]]], tmp_path: Path, kind: str) -> None:
    user = next(iter(listens))
    done = _export(user, tmp_path / "mine.zip", kind)
    assert done.exit_code == 0, done.stderr
    with ZipFile(tmp_path / "mine.zip") as zipped:
        files = {name: _read(zipped.read(name), kind) for name in zipped.namelist()}
    assert set(files) == {f"{name}.{kind}" for name in PARTS}
    assert {(int(row["played_at_ms"]), row["track_id"]) for row in files[f"listens.{kind}"]} == listens[user]
    assert {row["user_id"] for rows in files.values() for row in rows} == {user}
    assert not any("token" in name for name in files[f"person.{kind}"][0])
    assert (tmp_path / "mine.zip").stat().st_mode & 0o077 == 0


def test_an_existing_file_stays(listens: dict[str, set[tuple[int, str]]], tmp_path: Path) -> None:
    target = tmp_path / "mine.zip"
    target.write_bytes(b"precious")
    done = _export(next(iter(listens)), target, "json")
    assert (done.exit_code, target.read_bytes()) == (2, b"precious")
    assert [path.name for path in tmp_path.glob(".mine*")] == []


def test_plays_known_by_name_alone_and_imports_come_along(
    listens: dict[str, set[tuple[int, str]]], tmp_path: Path
) -> None:
    user = next(iter(listens))
    rows = [{"endTime": "2020-01-05 10:00", "artistName": "Nobody", "trackName": "Unheard of", "msPlayed": 90_000}]
    (tmp_path / "StreamingHistory_music_0.json").write_text(json.dumps(rows), encoding="utf-8")
    imported = CliRunner().invoke(main, ["import", str(tmp_path / "StreamingHistory_music_0.json"), "--user", user])
    assert imported.exit_code == 0, imported.output
    assert _export(user, tmp_path / "mine.zip", "json").exit_code == 0
    with ZipFile(tmp_path / "mine.zip") as zipped:
        (play,) = json.loads(zipped.read("plays_by_name.json"))
        (known,) = json.loads(zipped.read("imports.json"))
    assert (play["artist"], play["title"], play["ms_played"], play["track_id"]) == (
        "Nobody",
        "Unheard of",
        90_000,
        None,
    )
    assert known["rows_read"] == 1


def _peak(parts: Callable[[], Mapping[str, Rows]], folder: Path, kind: str) -> int:
    """The most bytes that Python and Arrow hold at once during an export."""
    export_person(parts(), folder / f"warm.{kind}.zip", kind)
    before = pa.default_memory_pool().bytes_allocated()
    tracemalloc.start()
    export_person(parts(), folder / f"measured.{kind}.zip", kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pa.default_memory_pool().bytes_allocated() - before < 1_000_000
    return peak


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, kind: str) -> None:
    table = pa.table({"track_id": [f"{number:022d}" for number in range(500)], "mood": pa.nulls(500)})

    def parts(tables: int) -> Mapping[str, Rows]:
        return {"listens": lambda: (table for _ in range(tables))}

    (tmp_path / "few").mkdir()
    (tmp_path / "many").mkdir()
    few = _peak(lambda: parts(4), tmp_path / "few", kind)
    assert _peak(lambda: parts(60), tmp_path / "many", kind) < few + 1_000_000  # all rows are over 5 MB


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_a_column_may_be_empty_in_one_part_and_a_number_or_text_in_the_next(tmp_path: Path, kind: str) -> None:
    tables = [pa.table({"a": values}) for values in ([None], [1], [2.5])] + [pa.table({"a": pa.nulls(0)})]
    counts = export_person({"p": lambda: iter(tables), "none": lambda: iter(tables[3:])}, tmp_path / "x.zip", kind)
    assert counts == {"p": 3, "none": 0}
    with ZipFile(tmp_path / "x.zip") as zipped:
        rows = [row["a"] for row in _read(zipped.read(f"p.{kind}"), kind)]
        assert _read(zipped.read(f"none.{kind}"), kind) == []
    assert [float(value) for value in rows if value not in (None, "")] == [1, 2.5]


def test_texts_with_signs_of_json_and_line_breaks_stay_what_they_are(tmp_path: Path) -> None:
    texts = ['a "b"', "line\nbreak", "\r\\\u2028", "null", "", None, "Sigur Rós"]
    export_person({"p": lambda: iter([pa.table({'the "a"': texts})])}, tmp_path / "x.zip", "json")
    with ZipFile(tmp_path / "x.zip") as zipped:
        assert [row['the "a"'] for row in json.loads(zipped.read("p.json"))] == texts

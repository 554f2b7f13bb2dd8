"""The account data of early 2018 had no durations: its plays count like any others, and once."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import to_ms
from mood_core.lake import open_lake
from mood_core.lake.batch_files import batch_id_of, path_of, to_parquet
from mood_core.lake.schema import NAMED_PLAYS, USERS
from mood_core.store import Database
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.conftest import NOW
from tests.exports import early, extended, music, unpacked
from tests.store_data import query, users

ENDED = datetime(2018, 3, 6, 7, 29, 33, tzinfo=UTC)
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "catalog")
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)

    def invoke(*words: object) -> dict[str, Any]:
        done = CliRunner().invoke(main, [*map(str, words), "--json"])
        assert done.exit_code == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout or "null")
        return report

    return invoke


def _listens() -> list[tuple[int, int | None]]:
    with Workspace() as workspace:
        return [
            (row[0], row[1])
            for row in query(workspace.database, "SELECT played_at_ms, ms_played FROM listens ORDER BY 1")
        ]


def test_its_plays_are_listens_like_others_and_stay_so(run: Run, tmp_path: Path) -> None:
    unheard = early("Unheard", "2018-03-07 08:00:00")
    reported = [early("Song 1"), early("Song 1"), early("Song 1", "2018-03-06 07:29:40"), unheard]
    exports = unpacked(tmp_path / "x", {"StreamingHistory.json": reported, "endsong_0.json": [extended(1)]})
    report = run("import", exports, "--min-ms", 30_000, "--timezone", "UTC")
    assert report["outcomes"] == {"imported": 3, "duplicate": 1, "unmatched": 1}
    assert report["first_at"] == ENDED.isoformat()
    assert _listens()[:2] == [(to_ms(ENDED), None), (to_ms(ENDED) + 7_000, None)]
    again = unpacked(tmp_path / "y", {"StreamingHistory.json": reported})
    assert run("import", again)["outcomes"] == {"already_imported": 3, "duplicate": 1}
    run("import", unpacked(tmp_path / "z", {"endsong_1.json": [extended(3, master_metadata_track_name="Unheard")]}))
    run("rebuild")
    assert len(_listens()) == 4
    with Workspace() as workspace:
        assert verify(workspace.lake, workspace.database, now=NOW, deep=True).findings == []
    for form in ("csv", "json", "parquet"):
        assert (
            CliRunner().invoke(main, ["export", "--user", "me", "--output", f"{form}.zip", "--format", form]).exit_code
            == 0
        )
    with zipfile.ZipFile("csv.zip") as archive:
        name = next(name for name in archive.namelist() if "plays_by_name" in name)
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")))
    assert [(row["title"], row["ms_played"]) for row in rows] == [("Unheard", "")]
    assert CliRunner().invoke(main, ["forget", "--user", "me", "--yes"]).exit_code == 0
    with Workspace() as workspace:
        assert query(workspace.database, "SELECT count(*) FROM named_plays") == [(0,)]


SECOND = extended(1, "2018-03-06T07:29:33Z", 180_000)
MINUTE = music("Song 1", "2018-03-06 07:29", 180_000)
SOURCES = {"early": [early("Song 1")], "minute": [MINUTE], "second": [SECOND]}


@pytest.mark.parametrize("order", list(permutations(SOURCES)), ids=",".join)
def test_one_play_in_three_exports_is_one_listen(run: Run, tmp_path: Path, order: tuple[str, ...]) -> None:
    known = unpacked(tmp_path / "known", {"endsong_0.json": [extended(1, "2017-01-01T00:00:00Z")]})
    run("import", known, "--timezone", "UTC")
    for place, source in enumerate(order):
        outcomes = run("import", unpacked(tmp_path / source, {f"endsong_{source}.json": SOURCES[source]}))["outcomes"]
        assert outcomes == {"same_listen" if place else "imported": 1}
    assert len(_listens()) == 2
    for source in order:
        both = SOURCES[source] + SOURCES[order[0]]
        again = run("import", unpacked(tmp_path / f"again-{source}", {"endsong_a.json": both}))
        assert again["outcomes"].get("imported", 0) == 0
    assert len(_listens()) == 2


def test_pending_plays_that_are_reported_with_and_without_a_length_become_one_listen(run: Run, tmp_path: Path) -> None:
    reported = {"StreamingHistory.json": [early("Song 1")], "StreamingHistory0.json": [MINUTE, music("Song 2")]}
    assert run("import", unpacked(tmp_path / "x", reported), "--timezone", "UTC")["outcomes"] == {"unmatched": 3}
    heard = [extended(number, "2017-01-01T00:00:00Z") for number in (1, 2)]
    run("import", unpacked(tmp_path / "y", {"endsong_0.json": heard}), "--label")
    listens = _listens()
    assert len(listens) == 4
    assert (to_ms(ENDED.replace(second=0)), 180_000) in listens


def test_a_lake_of_before_is_read_as_it_was(migrated: Database, tmp_path: Path) -> None:
    """Its files say that every play has a length."""
    folder = tmp_path / "lake"
    folder.mkdir()
    lake = open_lake(str(folder))
    Batches(lake, migrated).add(USERS, users(("ada", "UTC")), now=NOW)
    rows = named_table("ada", [(to_ms(ENDED), "A", "T", 1)])
    known = [field for field in NAMED_PLAYS.schema if field.name in rows.column_names]
    strict = pa.schema([field.with_nullable(field.name == "track_id") for field in known])
    old = pa.Table.from_arrays([rows[name].cast(strict.field(name).type) for name in strict.names], schema=strict)
    batch_id = batch_id_of(old, NOW)
    path = folder / path_of("named_plays", batch_id, NOW)
    path.parent.mkdir(parents=True)
    path.write_bytes(to_parquet(NAMED_PLAYS, old, batch_id, NOW))
    assert not parquet.read_schema(path).field("ms_played").nullable
    rebuild(lake, migrated, now=NOW)
    Batches(lake, migrated).add(NAMED_PLAYS, named_table("ada", [(to_ms(ENDED), "A", "T", None)]), now=NOW)
    for _ in range(2):
        assert sorted(query(migrated, "SELECT coalesce(ms_played, -1) FROM named_plays")) == [(-1,), (1,)]
        assert verify(lake, migrated, now=NOW, deep=True).findings == []
        rebuild(lake, migrated, now=NOW)

"""Plays that an export names without an address find their track in what is known and in catalogue files, unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from flows.cli import main
from mood_core.app.import_export import match_names
from mood_core.app.workspace import Workspace
from mood_core.domain.vectors import NINE
from mood_core.features.catalog.names import CatalogNames, artists_of
from mood_core.lake.schema import NAMED_PLAYS
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.upkeep.verify_lake import verify
from tests.exports import extended, library, music, playlists, track_id, unpacked

PLAUSIBLE = {"loudness": -8.0, "tempo": 100.0}
VALUES = ",".join(str(PLAUSIBLE.get(name, 0.5)) for name in NINE)
HEADER = f"id,name,artists,{','.join(NINE)}"


@pytest.fixture
def run(home: Path) -> Callable[..., dict[str, Any]]:
    def invoke(*words: object) -> dict[str, Any]:
        done = CliRunner().invoke(main, [*map(str, words), "--json"])
        assert done.exit_code == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return invoke


def _csv(path: Path, *rows: tuple[int, str, str]) -> Path:
    lines = [f'{track_id(number)},"{title}","{artists}",{VALUES}' for number, title, artists in rows]
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def _parquet(path: Path, *rows: tuple[int, str, str]) -> Path:
    table = {
        "track_id": [track_id(number) for number, _, _ in rows],
        "artists": [artists for _, _, artists in rows],
        "track_name": [title for _, title, _ in rows],
        **{name: [PLAUSIBLE.get(name, 0.5)] * len(rows) for name in NINE},
    }
    parquet.write_table(pa.table(table), path)
    return path


def _listens() -> list[tuple[str, str, str]]:
    with Workspace() as workspace, workspace.database.read() as connection:
        query = "SELECT track_id, name, artists FROM listens JOIN tracks USING (track_key) ORDER BY played_at_ms"
        return [(row[0], row[1], row[2]) for row in connection.exec_driver_sql(query)]


def test_catalogue_files_name_plays_and_nobody_is_asked(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (
        _csv(tmp_path / "a.csv", (1, "Song 1", "['The Invented', 'Guest']"), (2, "Song 2", "['Somebody Else']")),
        _parquet(tmp_path / "b.parquet", (3, "Song 3", "The Invented;Guest"), (4, "Song 1", "The Invented")),
        _without_names(tmp_path / "c.csv"),
    )
    monkeypatch.setenv("MOODLOG_CATALOG", ",".join(map(str, files)))
    rows = [
        music("Song 1 - 2011 Remaster", "2024-03-01 10:00"),
        music("Song 2", "2024-03-01 10:10"),
        music("song 3 (feat. Guest)", "2024-03-01 10:20"),
    ]
    export = unpacked(tmp_path / "x", {"StreamingHistory_music_0.json": rows})
    assert run("import", export, "--dry-run")["outcomes"] == {"imported": 2, "unmatched": 1}
    assert run("import", export)["outcomes"] == {"imported": 2, "unmatched": 1}
    assert _listens() == [
        (track_id(1), "Song 1", "The Invented, Guest"),
        (track_id(3), "Song 3", "The Invented, Guest"),
    ]
    assert run("status")["api_calls"] == {}


def test_what_waits_finds_its_track_once_a_catalogue_file_is_added(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    export = unpacked(tmp_path / "x", {"StreamingHistory0.json": [music("Song 1"), music("Song 2")]})
    assert run("import", export)["outcomes"] == {"unmatched": 2}
    with Workspace() as workspace:
        assert match_names(workspace) == 0
    added = CliRunner().invoke(main, ["catalog", "add", str(_csv(tmp_path / "a.csv", (1, "Song 1", "The Invented")))])
    assert added.exit_code == 0, added.stderr
    with Workspace() as workspace:
        assert match_names(workspace) == 1
        assert match_names(workspace) == 0
    assert _listens() == [(track_id(1), "Song 1", "The Invented")]
    assert run("import", unpacked(tmp_path / "y", {"s0.json": [music("Song 1"), music("Song 2")]}))["outcomes"] == {
        "already_imported": 2
    }


def test_known_tracks_come_before_catalogue_files(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_CATALOG", str(_csv(tmp_path / "a.csv", (1, "Song 7", "The Invented"))))
    files = {"endsong_0.json": [extended(7)], "StreamingHistory0.json": [music("Song 7", "2024-05-01 10:00")]}
    assert run("import", unpacked(tmp_path / "x", files))["outcomes"] == {"imported": 2}
    assert [row[0] for row in _listens()] == [track_id(7), track_id(7)]


def test_the_same_search_in_the_same_files_is_made_once(tmp_path: Path) -> None:
    file = _csv(tmp_path / "a.csv", (1, "Song 1", "The Invented"))
    names = CatalogNames([str(file)], tmp_path / "cache" / "searched")
    found = [(track_id(1), "Song 1", "The Invented")]
    missing = [("the invented", "song 2")]
    assert list(names(missing)) == found
    assert list(names(missing)) == []
    assert list(names([*missing, ("the invented", "song 3")])) == found
    _csv(file, (2, "Song 2", "The Invented"), (1, "Song 1", "The Invented"))
    assert len(list(names([*missing, ("the invented", "song 3")]))) == 2
    assert list(names([])) == []


def test_the_exports_own_playlists_and_library_name_its_plays(
    run: Callable[..., dict[str, Any]], tmp_path: Path, home: Path
) -> None:
    plays = [music(f"Song {number}", f"2024-03-01 10:{number:02}") for number in range(1, 8)]
    files: dict[str, Any] = {
        "MyData/StreamingHistory_music_0.json": plays,
        "MyData/Playlist1.json": playlists(1, 2),
        "MyData/Playlist2.json": playlists(3, 30, 13, title="Song 3 - 2011 Remaster"),
        "MyData/YourLibrary.json": library(4, 5),
        "MyData/Identity.json": {"displayName": "secret-name"},
        "MyData/Playlist3.json": '{"playlists": [{"items": [',
    }
    export = unpacked(tmp_path / "x", files)
    dry, report = run("import", export, "--dry-run"), run("import", export)
    assert report["outcomes"] == dry["outcomes"] == {"imported": 5, "unmatched": 2}
    assert report["address_files"] == {
        "MyData/Playlist1.json": 2,
        "MyData/Playlist2.json": 3,
        "MyData/YourLibrary.json": 2,
    }
    assert [row[0] for row in _listens()] == [track_id(number) for number in range(1, 6)]  # the lowest of three ids
    with Workspace() as workspace, workspace.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tracks").scalar_one() == 5
    stored = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert b"secret" not in stored
    assert run("import", export)["outcomes"] == {"already_imported": 7}


def test_rows_that_are_dropped_and_later_exports_name_plays_too(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    plays = [
        music("Song 1", "2024-03-01 10:00"),
        music("Song 2", "2024-03-01 10:10"),
        music("Song 3", "2024-03-01 10:20"),
    ]
    account = {"StreamingHistory_music_0.json": plays, "endsong_0.json": [extended(3, "2024-03-02T10:00:00Z", 5)]}
    first = run("import", unpacked(tmp_path / "x", account))
    assert first["outcomes"] == {"imported": 1, "unmatched": 2, "skipped": 1}
    later = {"StreamingHistory_music_1.json": [music("Song 9")], "YourLibrary.json": library(2)}
    assert run("import", unpacked(tmp_path / "y", later))["outcomes"] == {"unmatched": 1}
    with Workspace() as workspace:
        assert match_names(workspace) == 1
    assert [row[0] for row in _listens()] == [track_id(2), track_id(3)]


def test_an_import_with_pending_plays_is_repeated_when_asked(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    export = unpacked(tmp_path / "x", {"StreamingHistory0.json": [music("Song 1"), music("Song 2")]})
    assert run("import", export)["outcomes"] == {"unmatched": 2}
    run("import", unpacked(tmp_path / "y", {"endsong_0.json": [extended(1, "2020-01-01T00:00:00Z")]}))
    again = run("import", export)
    assert (again["outcomes"], again["seen_before"]) == ({"imported": 1, "already_imported": 1}, False)


def test_a_pending_play_with_an_invalid_time_stops_no_night(
    run: Callable[..., dict[str, Any]], tmp_path: Path, home: Path
) -> None:
    """Older versions stored 1970 as the time of pending plays, which SQL refuses for a listen."""
    run("import", unpacked(tmp_path / "x", {"StreamingHistory0.json": [music("Song 1")]}), "--user", "ada")
    with Workspace() as workspace:
        invalid = named_table("local-ada", [(0, "The Invented", "Song 1", 200_000)])
        workspace.batches.add(NAMED_PLAYS, invalid, now=workspace.now())
    run("import", unpacked(tmp_path / "y", {"endsong_0.json": [extended(1, "2020-01-01T00:00:00Z")]}))
    with Workspace() as workspace:
        assert match_names(workspace) == 1
        assert match_names(workspace) == 0
        assert verify(workspace.lake, workspace.database, now=workspace.now(), deep=True).findings == []
    assert len(_listens()) == 2
    (quarantined,) = (home / "quarantine").glob("local-ada-*.ndjson")
    assert json.loads(quarantined.read_text("ascii"))["row"]["title"] == "Song 1"


@pytest.mark.parametrize(
    ("written", "artists"),
    [
        ("['A', \"B's\"]", "A, B's"),
        ("A;B; C", "A, B, C"),
        ("A, B", "A, B"),
        ("[unknown", "[unknown"),
        ("[1](a)", "[1](a)"),
        ("['A'", "['A'"),
    ],
)
def test_artists_are_read_however_they_are_written(written: str, artists: str) -> None:
    assert artists_of(written) == artists


def _without_names(path: Path) -> Path:
    path.write_text(f"id,{','.join(NINE)}\n{track_id(9)},{VALUES}\n", encoding="utf-8")
    return path

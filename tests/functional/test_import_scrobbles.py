"""Exports of ListenBrainz and Last.fm: every row has an outcome, and each play is stored once, whatever came before."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main

START = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
PLAYS = [(START + timedelta(minutes=4 * number), f"Song {number % 7}") for number in range(12)]
"""The start of each play, and its title; a song lasts 4 minutes."""


def _listenbrainz(at: datetime, title: str) -> dict[str, Any]:
    info = {"spotify_id": f"https://open.spotify.com/track/{'A' * 21}{title[-1]}", "duration_ms": 240_000}
    names = {"artist_name": "The Invented", "track_name": title, "release_name": "Album"}
    return {"listened_at": int(at.timestamp()), "track_metadata": {**names, "additional_info": info}}


def _lastfm(at: datetime, title: str) -> dict[str, Any]:
    time = {"uts": str(int(at.timestamp())), "#text": f"{at:%d %b %Y, %H:%M}"}
    return {"artist": {"#text": "The Invented"}, "name": title, "album": {"#text": "Album"}, "date": time}


def _extended(at: datetime, title: str) -> dict[str, Any]:
    return {
        "ts": f"{at + timedelta(minutes=4):%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": 240_000,
        "spotify_track_uri": f"spotify:track:{'A' * 21}{title[-1]}",
        "master_metadata_track_name": title,
        "master_metadata_album_artist_name": "The Invented",
    }


def _zipped() -> bytes:
    """ListenBrainz's zip: a file of JSON lines for each month, and files that are no listens."""
    lines = [_listenbrainz(*play) for play in PLAYS]
    lines += [lines[0], {"listened_at": "soon", "track_metadata": {}}]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("listens/2026/3.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
        archive.writestr("user.json", json.dumps({"user_id": 1, "username": "ada"}))
        archive.writestr("feedback.jsonl", json.dumps({"recording_msid": "x", "score": 1}))
    return sink.getvalue()


def _heading() -> bytes:
    sink = io.StringIO()
    table = csv.writer(sink)
    table.writerow(["uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid"])
    for at, title in PLAYS:
        table.writerow([int(at.timestamp()), f"{at:%d %b %Y, %H:%M}", "The Invented", "", "Album", "", title, ""])
    return sink.getvalue().encode()


def _no_heading() -> bytes:
    sink = io.StringIO()
    csv.writer(sink).writerows(["The Invented", "Album", title, f"{at:%d %b %Y %H:%M}"] for at, title in PLAYS)
    return sink.getvalue().encode()


def _pages() -> bytes:
    playing = {key: value for key, value in _lastfm(*PLAYS[0]).items() if key != "date"}
    rows = [playing | {"@attr": {"nowplaying": "true"}}, *(_lastfm(*play) for play in PLAYS)]
    return json.dumps([{"track": rows[:5], "@attr": {"page": "1"}}, {"track": rows[5:], "@attr": {}}]).encode()


def _stats(*, as_table: bool) -> bytes:
    rows = [("The Invented", "Album", "", title, int(at.timestamp() * 1_000)) for at, title in PLAYS]
    if as_table:
        sink = io.StringIO()
        csv.writer(sink, delimiter=";").writerows([["Artist", "Album", "AlbumId", "Track", "Date#ada"], *rows])
        return sink.getvalue().encode()
    names = ("artist", "album", "albumId", "track", "date")
    return json.dumps({"username": "ada", "scrobbles": [dict(zip(names, row, strict=True)) for row in rows]}).encode()


FORMS: dict[str, tuple[str, bytes, dict[str, int]]] = {
    "listenbrainz zip": ("listens.zip", _zipped(), {"duplicate": 1, "malformed": 1}),
    "lastfm csv": ("scrobbles.csv", _heading(), {}),
    "lastfm csv without heading": ("ada.csv", _no_heading(), {}),
    "lastfm csv with semicolons": ("semicolons.csv", _heading().replace(b",", b";").replace(b"; ", b", "), {}),
    "lastfm csv with a playing track": ("ada.csv", b"The Invented,,Now,\r\n" + _no_heading(), {"not_a_listen": 1}),
    "lastfmstats csv": ("lastfmstats.csv", _stats(as_table=True), {}),
    "lastfmstats json": ("lastfmstats.json", _stats(as_table=False), {}),
    "lastfm pages": ("ada.json", _pages(), {"not_a_listen": 1}),
    "lastfm rows": ("rows.json", json.dumps([_lastfm(*play) for play in PLAYS]).encode(), {}),
    "spotify": ("Streaming_History_Audio_2026.json", json.dumps([_extended(*play) for play in PLAYS]).encode(), {}),
}


def _import(path: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["import", str(path), "--user", "Ada", "--json", *options])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    assert sum(report["outcomes"].values()) == report["rows_read"]
    return report


def _file(folder: Path, form: str) -> Path:
    name, content, _ = FORMS[form]
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_row_has_an_outcome_and_a_second_import_changes_nothing(home: Path, tmp_path: Path, form: str) -> None:
    path, others = _file(tmp_path, form), FORMS[form][2]
    assert _import(path, "--dry-run")["outcomes"] == _import(path)["outcomes"]
    changed = tmp_path / f"again-{path.name}"  # other bytes, so that the rows are compared
    changed.write_bytes(path.read_bytes() if path.suffix == ".zip" else path.read_bytes() + b"\n")
    again = _import(changed)
    assert again["outcomes"].get("imported", 0) + again["outcomes"].get("unmatched", 0) == 0
    assert {name: again["outcomes"][name] for name in others} == others
    shown = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)
    assert sum(row["listens"] for row in shown["history"]) == len(PLAYS)


@pytest.mark.parametrize("first", ["listenbrainz zip", "spotify"])
@pytest.mark.parametrize("second", [form for form in FORMS if form != "listenbrainz zip"])
def test_the_same_plays_from_another_source_are_stored_once(
    home: Path, tmp_path: Path, first: str, second: str
) -> None:
    _import(_file(tmp_path, first))
    outcomes = _import(_file(tmp_path, second))["outcomes"]
    assert outcomes.get("imported", 0) + outcomes.get("unmatched", 0) == 0


def test_an_import_of_scrobbles_can_be_taken_back(home: Path, tmp_path: Path) -> None:
    for form, removed in (("listenbrainz zip", "listens"), ("lastfm csv", "pending_plays")):
        report = _import(_file(tmp_path, form))
        undone = CliRunner().invoke(main, ["import", "--undo", report["import_id"], "--json"])
        assert undone.exit_code == 0, undone.output
        assert json.loads(undone.stdout)[removed] == len(PLAYS)


DAMAGED: dict[str, Callable[[list[str]], list[str]]] = {
    "cut": lambda lines: [*lines[:9], lines[9][:40]],
    "all lines": lambda lines: [*(line[:40] for line in lines), ""],
    "an answer in HTML": lambda _lines: ["<html><body>502 Bad Gateway</body></html>", ""],
    "cut in the first line": lambda lines: [lines[0][:40]],
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", ["listens/2026/4.jsonl", "rows.json"])
def test_a_damaged_month_stops_no_other_month(home: Path, tmp_path: Path, damage: str, name: str) -> None:
    lines = DAMAGED[damage]([json.dumps(_listenbrainz(*play)) for play in PLAYS])
    path = _file(tmp_path, "listenbrainz zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "\n".join(lines))
    done = CliRunner().invoke(main, ["import", str(path), "--user", "Ada", "--json"])
    report = json.loads(done.stdout)
    assert report["outcomes"]["imported"] == len(PLAYS)
    if damage != "cut" and name == "rows.json":
        assert done.exit_code == 0, "nothing shows that it is a history"
    else:
        assert (done.exit_code, name in done.stderr, list(report["damaged_files"])) == (2, True, [name])


HTML = "<html><body>502 Bad Gateway</body></html>"
LINES: dict[str, Callable[[list[str]], list[str]]] = {
    "HTML": lambda lines: [*lines[:4], HTML, *lines[4:]],
    "HTML first": lambda lines: [HTML, *lines],
    "cut": lambda lines: [*lines[:4], lines[4][:40], *lines[4:]],
    "not UTF-8": lambda lines: [*lines[:4], '{"\udcff": 1}', *lines[4:]],
    "after a number that is too large": lambda lines: ['{"listened_at": 1e999}', *lines[:4], HTML, *lines[4:]],
}


@pytest.mark.parametrize("damage", LINES)
def test_a_damaged_line_makes_only_its_own_row_malformed(home: Path, tmp_path: Path, damage: str) -> None:
    lines = LINES[damage]([*(json.dumps(_listenbrainz(*play)) for play in PLAYS), ""])
    path = tmp_path / "listenbrainz.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("listens/2026/3.jsonl", "\n".join(lines).encode(errors="surrogateescape"))
        archive.writestr("listens/2026/2.jsonl", "")
        archive.writestr("listens/2026/1.jsonl", "\n")
    done = CliRunner().invoke(main, ["import", str(path), "--user", "Ada", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["rows_read"] == len(lines) - 1
    assert report["outcomes"]["malformed"] == len(lines) - 1 - len(PLAYS)
    assert [report["files"][f"listens/2026/{month}.jsonl"] for month in (1, 2)] == [0, 0]
    assert "no JSON" in Path(report["quarantine"]).read_text()


def test_a_path_without_a_history_names_what_can_be_imported(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b,c\n1,2,3\n")
    done = CliRunner().invoke(main, ["import", str(path), "--user", "Ada"])
    assert (done.exit_code, "Last.fm" in done.stderr) == (2, True)

"""Every form in which Spotify has sent histories: no row is lost, and the counts are those of an independent count."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from tests.exports import (
    OTHER_FILES,
    Row,
    audiobook,
    chapter,
    content,
    counted,
    early,
    episode,
    extended,
    lines,
    lost,
    music,
    of_2018,
    of_2020,
    of_2021,
    of_2024,
    podcast,
    track_id,
    unpacked,
    zipped,
)

SONGS = [extended(number, f"2024-03-0{number}T10:00:4{number}Z") for number in range(1, 9)]
TALK = [episode(1), episode(1), episode(2, "2024-03-02T11:00:00Z")]
BOOKS = [chapter(1), chapter(2, "2024-03-02T12:00:00Z")]


def _as(form: Callable[[Row], Row], rows: list[Row]) -> list[Row]:
    return [form(row) for row in rows]


EXTENDED_FOLDER = "Spotify Extended Streaming History"
FORMS: dict[str, dict[str, Any]] = {
    "EndSong of 2018, an object a line, without addresses": {
        "EndSong.json": lines(_as(of_2018, [*SONGS, SONGS[0], lost()])),
        "EndVideo.json": lines(_as(of_2018, [extended(9)])),
    },
    "endsong of 2020": {
        "MyData/endsong_0.json": _as(of_2020, [*SONGS, SONGS[0], lost()]),
        "MyData/endsong_1.json": _as(of_2020, TALK),
    },
    "endsong of 2021, one line, without a folder": {
        "endsong.json": json.dumps(_as(of_2021, [*SONGS, *TALK, lost()]), separators=(",", ":")),
        "endvideo.json": [],
        "ReadMeFirst.pdf": b"%PDF-1.4",
    },
    "extended of 2024 with a video history": {
        f"{EXTENDED_FOLDER}/Streaming_History_Audio_2018-2024_0.json": _as(of_2024, [*SONGS, *TALK]),
        f"{EXTENDED_FOLDER}/Streaming_History_Audio_2024_1.json": _as(of_2024, [SONGS[3], lost(), lost()]),
        f"{EXTENDED_FOLDER}/Streaming_History_Video_2019-2024.json": _as(of_2024, [extended(9), episode(3)]),
        f"{EXTENDED_FOLDER}/ReadMeFirst_ExtendedStreamingHistory.pdf": b"%PDF-1.4",
    },
    "extended of 2025 with audiobooks, in UTF-8 with a mark": {
        f"{EXTENDED_FOLDER}/Streaming_History_Audio_2025.json": b"\xef\xbb\xbf" + content([*SONGS, *BOOKS, *TALK])
    },
    "account data of early 2018, without lengths": {
        "StreamingHistory.json": [early("Song 1"), early("Song 1"), early("Song 1", "2018-03-06 07:29:34"), early("Ü")],
        "SearchQueries.json": OTHER_FILES["SearchQueries.json"],
    },
    "account data of 2019": {
        "MyData/StreamingHistory0.json": [
            music("Song 1"),
            music("Song 1"),
            music("Song 1", ms=30_000),
            music("Ðå Ü", ms=31_000),
        ],
        "MyData/StreamingHistory1.json": [music("Song 1"), music("Song 2")],
        **{f"MyData/{name}": rows for name, rows in OTHER_FILES.items()},
    },
    "account data of 2025": {
        "Spotify Account Data/StreamingHistory_music_0.json": [music("Song 1"), music("Song 2")],
        "Spotify Account Data/StreamingHistory_music_1.json": [music("Song 3", "2024-03-02 10:00")],
        "Spotify Account Data/StreamingHistory_podcast_0.json": [podcast(1), podcast(1), podcast(2)],
        "Spotify Account Data/StreamingHistory_audiobook_0.json": [audiobook(1)],
        "Spotify Account Data/Read_Me_First.pdf": b"%PDF-1.4",
        **{f"Spotify Account Data/{name}": rows for name, rows in OTHER_FILES.items()},
    },
    "both at once, from a Mac": {
        f"{EXTENDED_FOLDER}/Streaming_History_Audio_2024.json": SONGS,
        f"__MACOSX/{EXTENDED_FOLDER}/._Streaming_History_Audio_2024.json": b"\x00\x05\x16\x07",
        "Spotify Account Data/StreamingHistory_music_0.json": [music("Another", "2023-01-01 00:00")],
        "Spotify Account Data/.DS_Store": b"\x00\x00\x00\x01Bud1",
    },
    "nothing was heard": {"MyData/StreamingHistory_music_0.json": [], "MyData/StreamingHistory_podcast_0.json": []},
}


@pytest.fixture
def run(home: Path) -> Callable[..., dict[str, Any]]:
    def invoke(*words: object) -> dict[str, Any]:
        done = CliRunner().invoke(main, ["import", "--timezone", "UTC", "--json", *map(str, words)])
        assert done.exit_code == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert sum(report["outcomes"].values()) == report["rows_read"]
        assert report["seen_before"] or report["rows_read"] == sum(report["files"].values())
        return report

    return invoke


def _listens() -> list[tuple[int, str]]:
    with Workspace() as workspace, workspace.database.read() as connection:
        query = "SELECT played_at_ms, track_id FROM listens JOIN tracks USING (track_key) ORDER BY 1, 2"
        return [(row[0], row[1]) for row in connection.exec_driver_sql(query)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", ["zip", "folder"])
def test_every_form_counts_as_it_is_counted_by_hand(
    run: Callable[..., dict[str, Any]], tmp_path: Path, form: str, layout: str
) -> None:
    files = FORMS[form]
    path = (zipped if layout == "zip" else unpacked)(tmp_path / f"my_spotify_data.{layout}", files)
    rows, outcomes = counted(files)
    dry, report = run(path, "--dry-run"), run(path)
    assert dry["rows_read"] == report["rows_read"] == rows
    assert dry["outcomes"] == report["outcomes"] == dict(outcomes)
    others = {
        name
        for name in files
        if name.rpartition("/")[2] in OTHER_FILES
        or (not name.endswith((".json", ".DS_Store")) and "__MACOSX" not in name)
    }
    assert set(report["other_files"]) == others
    assert len(_listens()) == outcomes["imported"]
    again = run(path)
    assert again["outcomes"].get("already_imported", 0) == outcomes["imported"] + outcomes["unmatched"]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert not [word for word in (b"192.0.2.77", b"secret-", b"conn_country") if word in kept]


def test_a_zip_that_was_packed_again_may_hold_a_file_twice(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = zipped(tmp_path / "again.zip", {"endsong_0.json": SONGS, "ReadMeFirst.pdf": b"%PDF-1.4"})
    with zipfile.ZipFile(path, "a") as archive:
        for name, rows in (("endsong_0.json", content(SONGS)), ("ReadMeFirst.pdf", b"%PDF-1.4")):
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr(name, rows)
    report = run(path)
    assert (report["files"], report["outcomes"]) == ({"endsong_0.json": 8}, {"imported": 8})


def test_names_in_a_zip_that_does_not_say_that_they_are_utf8(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """A Mac packs so."""
    path = zipped(tmp_path / "mac.zip", {"Historique vidéo.json": [extended(9)], "Historique écouté.json": SONGS[:2]})
    packed = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.find(header)
        while place >= 0:
            packed[place + flags + 1] &= ~0x08
            place = packed.find(header, place + 1)
    path.write_bytes(packed)
    report = run(path)
    assert report["files"] == {"Historique vidéo.json": 1, "Historique écouté.json": 2}
    assert report["outcomes"] == {"imported": 3}


@pytest.mark.parametrize(
    "name",
    [
        "Historique de diffusion audio 2024.json",
        "再生履歴_2024.JSON",
        "User_Somebody_Streaming_History_Audio_2024.json",
        "Streaming_History_Audio_2024.json.json",
        "export/a/b/c/1.json",
    ],
)
def test_a_history_is_found_by_its_content(run: Callable[..., dict[str, Any]], tmp_path: Path, name: str) -> None:
    files = {name: SONGS, "Userdata.json": {}}
    assert run(unpacked(tmp_path / "folder", files))["outcomes"] == {"imported": len(SONGS)}
    zips = zipped(tmp_path / "EXPORT.ZIP", files)
    assert run(zips)["outcomes"] == {"already_imported": len(SONGS)}


def test_a_play_without_an_address_is_the_play_in_other_forms(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    early = unpacked(tmp_path / "a", {"EndSong.json": lines(_as(of_2018, SONGS[:3]))})
    assert run(early)["outcomes"] == {"unmatched": 3}
    account = [music(f"Song {number}", f"2024-03-0{number} 10:00") for number in range(1, 5)]
    assert run(unpacked(tmp_path / "b", {"StreamingHistory0.json": account}))["outcomes"] == {
        "already_imported": 3,
        "unmatched": 1,
    }
    assert run(unpacked(tmp_path / "c", {"endsong_0.json": SONGS}))["outcomes"] == {"imported": 8}
    assert run(unpacked(tmp_path / "d", {"EndSong.json": lines(_as(of_2018, SONGS))}))["outcomes"] == {"same_listen": 8}
    one = unpacked(
        tmp_path / "e", {"one row.json": json.dumps(SONGS[0], indent=2), "Playlist1.json": {"playlists": []}}
    )
    assert run(one)["outcomes"] == {"already_imported": 1}


def test_several_zips_and_single_files_at_once(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    name = f"{EXTENDED_FOLDER}/Streaming_History_Audio_2024.json"
    paths = [zipped(tmp_path / f"my_spotify_data{n}.zip", {name: SONGS[3 * n : 3 * n + 4]}) for n in range(3)]
    single = unpacked(tmp_path / "x", {"StreamingHistory0.json": [music("Only Here")]}) / "StreamingHistory0.json"
    report = run(*paths, single, single, paths[0])
    assert report["outcomes"] == {"imported": 8, "duplicate": 2, "unmatched": 1}
    assert _listens() == [(_ms(row), track_id(number)) for number, row in enumerate(SONGS, start=1)]


def _ms(row: Row) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(row["ts"]).timestamp() * 1000)


def test_rows_of_the_wrong_kind_are_quarantined_with_their_place(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    wrong: list[tuple[Any, str]] = [
        (17, "not an object"),
        (None, "no JSON"),
        ([extended(1)], "not an object"),
        ({"ms_played": 5}, "neither ts nor endTime"),
        (extended(1, ts="2024-03-01"), "ts has no time of day"),
        (extended(1) | {"ts": None}, "ts is not a time"),
        (extended(1) | {"ts": 1_709_287_242}, "ts is not a time"),
        (extended(1, ts="2024-02-30T10:00:00Z"), "ts is not a time"),
        (extended(1, ts="1969-12-31T10:00:00Z"), "ts is before the year 2000"),
        (extended(1, ts="1970-01-01T00:00:00Z"), "ts is before the year 2000"),
        (music("Song", "1970-01-01 00:00"), "endTime is before the year 2000"),
        (extended(1, ts=f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"), "ts is in the future"),
        (extended(1, ms=None), "ms_played is not a whole number"),
        (extended(1, ms="200 s"), "ms_played is not a whole number"),
        (extended(1, ms="99999999999"), "ms_played is not a whole number"),
        (extended(1, ms="9999999999"), "ms_played is out of range"),
        (early("Song", "2018-03-06"), "time has no time of day"),
        (music("Song") | {"msPlayed": "long"}, "msPlayed is not a whole number"),
        (extended(1, ms=True), "ms_played is not a whole number"),
        (extended(1, ms=0.5), "ms_played is not a whole number"),
        (extended(1, ms=-1), "ms_played is out of range"),
        (extended(1, ms=2**31), "ms_played is out of range"),
        (extended(1, spotify_track_uri=["a"]), "spotify_track_uri is not a string"),
        (extended(1, spotify_track_uri="spotify:track:short"), "spotify_track_uri is not a track URI"),
        (music("Song") | {"trackName": 1979}, "trackName is not a string"),
        (music("x" * 1001), "trackName is longer than 1000 bytes"),
    ]
    right = [extended(1, ms=200_000.0), extended(2) | {"ts": "2024-03-01T10:00:42.123+01:00"}]
    rows = [*(row for row, _ in wrong), *right]
    export = unpacked(tmp_path / "x", {"Streaming_History_Audio_1.json": rows})
    dry, report = run(export, "--dry-run"), run(export)
    assert report["outcomes"] == dry["outcomes"] == {"imported": 2, "malformed": len(wrong)}
    kept = [json.loads(line) for line in Path(report["quarantine"]).read_text("ascii").splitlines()]
    assert [line["position"] for line in kept] == list(range(1, len(wrong) + 1))
    for line, (_, reason) in zip(kept, wrong, strict=True):
        assert line["reason"].startswith(reason)
    assert all(line["file"] == "Streaming_History_Audio_1.json" for line in kept)
    assert Path(report["quarantine"]).stat().st_mode & 0o077 == 0


def test_an_import_killed_at_its_end_keeps_the_damaged_rows_when_it_is_run_again(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = unpacked(tmp_path / "x", {"endsong_0.json": [extended(1), {"wrong": "row"}]})
    with monkeypatch.context() as patch:
        patch.setattr("mood_core.usecases.quarantine.quarantine_rows", lambda *_: sys.exit("killed"))
        assert CliRunner().invoke(main, ["import", str(export), "--user", "ada"]).exit_code == 1
    report = run(export, "--user", "ada")
    assert "wrong" in Path(report["quarantine"]).read_text("ascii")


def test_a_forgotten_persons_damaged_rows_go_too(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    kept = {}
    for number, name in enumerate(("ada", "ada-b")):
        export = unpacked(tmp_path / name, {"endsong_0.json": [extended(number), {"wrong": name}]})
        kept[name] = Path(run(export, "--user", name)["quarantine"])
    done = CliRunner().invoke(main, ["forget", "--user", "local-ada", "--yes"])
    assert done.exit_code == 0, done.stderr
    assert [name for name, path in kept.items() if path.exists()] == ["ada-b"]


def test_what_is_left_out_by_choice_is_counted_too(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    rows = [
        extended(1, ms=29_999),
        extended(2, ms=30_000),
        extended(3, incognito_mode=True),
        extended(4, incognito_mode=None),
    ]
    files = {"endsong_0.json": rows, "StreamingHistory0.json": [music("S", ms=29_999), music("S", ms=30_000)]}
    path = zipped(tmp_path / "x.zip", files)
    first = run(path, "--private", "drop")
    assert first["outcomes"] == {"imported": 2, "unmatched": 1, "skipped": 2, "private_session": 1}
    assert first["shorter_kept"] == 0
    assert run(path, "--min-ms", 0)["outcomes"] == {"imported": 2, "already_imported": 3, "unmatched": 1}
    before = _listens()
    higher = run(path, "--min-ms", 60_000)
    assert higher["outcomes"] == {"already_imported": 2, "skipped": 4}
    assert (higher["shorter_kept"], _listens()) == (2, before)
    again = run(path, "--min-ms", 60_000)
    assert (again["seen_before"], again["shorter_kept"]) == (True, 2)
    done = CliRunner().invoke(main, ["import", str(path), "--min-ms", "50000"])
    assert "2 stored listens" in done.stderr
    assert "--undo" in done.stderr


def test_music_videos_are_listens_in_every_form_and_under_every_name(
    run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """Account data has them among the songs, and nothing in a row marks them."""
    video = [extended(9, "2024-03-01T10:00:42Z"), episode(3), chapter(1)]
    account = [music("Song 9", "2024-03-01 10:00"), podcast(3)]
    for number, name in enumerate(("Streaming_History_Video_2024.json", "Verlauf.json")):
        files = {name: video, "StreamingHistory_music_0.json": account}
        outcomes = run(zipped(tmp_path / f"{number}.zip", files), "--user", f"person {number}")["outcomes"]
        assert outcomes == {"imported": 1, "same_listen": 1, "podcast": 2, "audiobook": 1}


def test_a_dry_run_writes_nothing_at_all(run: Callable[..., dict[str, Any]], tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"endsong_0.json": [*SONGS, 17]})
    run(path, "--dry-run")
    assert not home.exists()
    run(path)
    before = {file: file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()}
    more = zipped(tmp_path / "y.zip", {"endsong_0.json": [*SONGS, extended(20), 18], "s.json": [music("New")]})
    report = run(more, "--dry-run")
    assert report["outcomes"] == {"imported": 1, "already_imported": 8, "unmatched": 1, "malformed": 1}
    assert report["dry_run"] is True
    assert {file: file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file()} == before

"""``moodlog audio add``: real tagged files, real programs, and the stand-in's ReccoBeats."""

from __future__ import annotations

import json
import struct
import sys
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mutagen.flac import FLAC
from mutagen.id3 import TIT2, TPE1, TSRC
from mutagen.wave import WAVE

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Listen, ListenSource, Track, TrackKind
from mood_core.features.audio.analyser import AnalysisFailed
from mood_core.features.audio.limited_program import Limits, run_limited
from mood_core.features.audio.tags import AudioTags, read_tags
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from standin import StandIn
from standin.faults import Fault, FaultKind
from tests.exports import extended, unpacked
from tests.store_data import ExtendedListen, query, users

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOCAL = "spotify:local:Ada+Band:Demo:Own+Song:2"
TRACK_LIST = [
    Track("a" * 22, "By code", ("Somebody",), None, 2_000, "GBAAA2600001", "2026-05-01"),
    Track("b" * 22, "By Name (feat. Guest)", ("Björk", "Guest"), None, 2_000, None, "2026-06-01"),
    Track("c" * 22, "Other length", ("Somebody",), None, 200_000, None, "2026-06-01"),
    Track(LOCAL, "", (), kind=TrackKind.LOCAL),
]
PROGRAM = """
import json, sys, pathlib
path = pathlib.Path(sys.argv[1])
with pathlib.Path(__file__).with_name("calls").open("a") as calls:
    calls.write(path.name + "\\n")
if "broken" in path.name:
    sys.exit("cannot decode")
names = "acousticness danceability energy instrumentalness liveness speechiness valence".split()
print(json.dumps({**dict.fromkeys(names, 0.5), "loudness": -9.0, "tempo": 120.0, "analyser": "Test 1"}))
"""


def _file(path: Path, *, artist: str = "", title: str = "", isrc: str = "") -> None:
    """Two seconds of silence with tags."""
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as audio:
        audio.setparams((1, 2, 8_000, 0, "NONE", ""))
        audio.writeframes(bytes(32_000))
    file: Any = WAVE(path)  # type: ignore[no-untyped-call]
    file.add_tags()
    for frame, value in ((TPE1, artist), (TIT2, title), (TSRC, isrc)):
        if value:
            file.tags.add(frame(text=[value]))
    file.save()


def _flac(path: Path, **tags: str) -> None:
    """An empty FLAC file of two seconds with Vorbis comments."""
    rate, samples = 8_000, 16_000
    info = struct.pack(">HH6xQ16x", 4_096, 4_096, rate << 44 | 15 << 36 | samples)
    path.write_bytes(b"fLaC\x80" + len(info).to_bytes(3, "big") + info)
    file: Any = FLAC(path)  # type: ignore[no-untyped-call]
    file.update(tags)
    file.save()


def _with_info(path: Path, **texts: bytes) -> None:
    """Adds an INFO list, as ffmpeg and recorders write it, to a WAVE file."""
    chunks = b"".join(
        name.encode() + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2) for name, text in texts.items()
    )
    content = path.read_bytes() + b"LIST" + struct.pack("<I", len(chunks) + 4) + b"INFO" + chunks
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    _file(folder / "1.wav", artist="Another spelling", title="X", isrc="GB-AAA-26-00001")
    _file(folder / "2.wav", artist="björk", title="By name")
    _file(folder / "3.wav", artist="Somebody", title="Other length")
    _file(folder / "4.wav", artist="Ada Band", title="Own Song")
    _file(folder / "5.wav", artist="Nobody", title="Not heard")
    _file(folder / "6.wav")
    (folder / "7.mp3").write_bytes(b"\xff\xfb" + bytes(range(256)))
    (folder / "cover.jpg").write_bytes(b"x")
    return folder


@pytest.fixture
def history(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten listens of every track, and a program that analyses everything but broken files."""
    program = tmp_path / "analyse.py"
    program.write_text(PROGRAM)
    monkeypatch.setenv("MOODLOG_AUDIO_ANALYSER", f"{sys.executable} '{program}'")
    heard = [
        Listen("ada", NOW - timedelta(hours=10 * n + k), track.track_id, ListenSource.RECENTLY_PLAYED)
        for k, track in enumerate(TRACK_LIST)
        for n in range(1, 11)
    ]
    with Workspace() as workspace:
        workspace.batches.add(USERS, users(("ada", "Europe/Berlin")), now=NOW)
        workspace.batches.add(TRACKS, to_table(TRACKS, TRACK_LIST), now=NOW)
        workspace.batches.add(LISTENS, to_table(LISTENS, heard), now=NOW)
    return tmp_path


def _add(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["audio", "add", str(folder), "--json", *more])


def _shown() -> dict[str, tuple[int, str]]:
    sql = "SELECT track_id, count(*), min(feature_source) FROM mood_history WHERE estimated = 1 GROUP BY track_id"
    with Workspace() as workspace:
        return {track: (int(count), source) for track, count, source in query(workspace.database, sql)}


def test_every_listen_of_a_file_gets_an_estimated_label_and_every_file_an_outcome(history: Path, folder: Path) -> None:
    _file(folder / "0 broken.wav", artist="Somebody", title="By code")
    done = _add(folder)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["outcomes"] == {
        "failed": 1,
        "analysed": 3,
        "no_track": 2,
        "no_tags": 1,
        "unreadable": 1,
        "not_audio": 1,
    }
    assert (report["files"], report["tracks"], report["labelled"]) == (9, 3, 3)
    assert _shown() == dict.fromkeys(["a" * 22, "b" * 22, LOCAL], (10, "estimated:test-1"))
    assert "cannot decode" in done.stderr
    again = json.loads(_add(folder).stdout)["outcomes"]
    assert (again["stored_before"], again.get("analysed", 0)) == (4, 0)
    assert (history / "calls").read_text().splitlines() == ["0 broken.wav", "1.wav", "2.wav", "4.wav"]


def test_a_file_of_another_length_than_the_plays_is_not_the_track(history: Path, tmp_path: Path) -> None:
    tracks = [Track("d" * 22, "Twice", ("Somebody",)), Track("e" * 22, "Once", ("Somebody",))]
    heard = [
        ExtendedListen(
            "ada", NOW - timedelta(hours=n), track.track_id, ListenSource.EXTENDED_HISTORY, ms, reason_end=reason
        )
        for track, ms, reason in ((tracks[0], 60_000, "trackdone"), (tracks[1], 1_500, "fwdbtn"))
        for n in (201, 202)
    ]
    with Workspace() as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, tracks), now=NOW)
        workspace.batches.add(LISTENS, to_table(LISTENS, heard), now=NOW)
    for track in tracks:
        _file(tmp_path / "others" / f"{track.name}.wav", artist="Somebody", title=track.name)
    done = _add(tmp_path / "others")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == {"analysed": 1, "no_track": 1}


def test_an_imported_local_file_is_found_by_its_uri_and_marked_as_estimated(history: Path, tmp_path: Path) -> None:
    names = ("track_name", "album_artist_name", "album_album_name")
    nameless = {f"master_metadata_{name}": None for name in names}
    rows = [
        extended(1, spotify_track_uri="spotify:local:New+Band:Demo:Nameless:2") | nameless,
        extended(2, "2024-03-01T11:00:00Z", spotify_track_uri="spotify:local:New+Band:Demo:Named:2"),
    ]
    export = unpacked(tmp_path / "export", {"Streaming_History_Audio_2024_0.json": rows})
    done = CliRunner().invoke(main, ["import", str(export), "--user", "bob", "--json"])
    assert json.loads(done.stdout)["outcomes"] == {"imported": 2}
    with Workspace() as workspace:
        kinds = query(workspace.database, "SELECT kind FROM tracks WHERE track_id LIKE 'spotify:local:New+Band:%'")
    assert kinds == [("local",), ("local",)]
    _file(tmp_path / "own" / "1.wav", artist="New Band", title="Nameless")
    assert json.loads(_add(tmp_path / "own").stdout)["outcomes"] == {"analysed": 1}
    shown = CliRunner().invoke(main, ["history", "--user", "bob", "--by", "track"]).stdout
    assert [line.endswith(" est.") for line in shown.splitlines()[1:3]].count(True) == 1
    assert "features estimated from audio" in shown


def test_a_prediction_names_the_quality_of_the_model_that_made_it(history: Path, folder: Path) -> None:
    assert _add(folder).exit_code == 0
    done = CliRunner().invoke(main, ["predict", "a" * 22])
    assert done.exit_code == 0, done.stderr
    with Workspace() as workspace:
        exact, estimated = workspace.classifier().model_version, workspace.estimated_classifier().model_version
    assert estimated in done.stderr
    assert exact not in done.stderr.replace(estimated, "")


def test_vorbis_comments_without_some_tags_are_read(tmp_path: Path) -> None:
    for name, tags in {"all": {"title": "T", "artist": "A"}, "artist": {"artist": "A"}, "none": {}}.items():
        path = tmp_path / f"{name}.flac"
        _flac(path, **tags)
        assert read_tags(path) == AudioTags(None, tags.get("title", ""), tags.get("artist", ""), 2_000, name)


def test_files_without_tags_are_matched_by_info_list_and_file_name(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "untagged"
    _file(folder / "1.wav")
    _with_info(folder / "1.wav", IART=b"bj\xc3\xb6rk", ICMT=b"odd", INAM=b"By name")
    _file(folder / "07 - Ada Band - Own Song.wav")
    _file(folder / "demo.wav")
    _file(folder / "no-such.wav")
    untagged = Track("spotify:local:::demo:2", "", (), kind=TrackKind.LOCAL)
    with Workspace() as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, [untagged]), now=NOW)
        heard = [Listen("ada", NOW - timedelta(hours=n), untagged.track_id, ListenSource.RECENTLY_PLAYED) for n in (5,)]
        workspace.batches.add(LISTENS, to_table(LISTENS, heard), now=NOW)
    assert json.loads(_add(folder).stdout)["outcomes"] == {"analysed": 3, "no_tags": 1}
    assert _shown().keys() == {"b" * 22, LOCAL, untagged.track_id}


def test_forgetting_rebuild_export_and_relabel_carry_estimates(history: Path, folder: Path) -> None:
    assert _add(folder).exit_code == 0
    shown = _shown()
    for command in (["rebuild"], ["relabel"], ["export", "--user", "ada", "--output", str(history / "out.zip")]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        assert _shown() == shown
    done = CliRunner().invoke(main, ["forget", "--user", "ada", "--yes"])
    assert done.exit_code == 0, done.output
    with Workspace() as workspace:
        assert query(workspace.database, "SELECT track_id FROM tracks WHERE kind = 'local'") == []
        assert query(workspace.database, "SELECT count(*) FROM estimated_features") == [(2,)]


def test_a_backup_carries_estimates(history: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is used as a home: it shows the same labels, analyses nothing again and can be rebuilt."""
    assert "report --open" in CliRunner().invoke(main, ["audio", "add", str(folder)]).stdout
    shown, calls = _shown(), (history / "calls").read_text()
    (history / "backups").mkdir()
    done = CliRunner().invoke(main, ["backup", str(history / "backups")])
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("MOODLOG_HOME", str(next((history / "backups").iterdir())))
    assert _shown() == shown
    for command in (["verify", "--deep"], ["rebuild"], ["audio", "add", str(folder)]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        assert _shown() == shown
    assert (history / "calls").read_text() == calls


def test_without_a_program_the_command_says_what_to_set(
    history: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, said in (("", "MOODLOG_AUDIO_ANALYSER"), ("/no/such/program", "no program")):
        monkeypatch.setenv("MOODLOG_AUDIO_ANALYSER", value)
        done = _add(folder)
        assert done.exit_code == 78
        assert said in done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", "more than 1 s"),
        ("print('x' * 5000)", "bytes"),
        ("x = bytearray(1 << 30)", "failed"),
        (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).wait()",
            "1 s",
        ),
    ],
)
def test_a_program_has_limits_and_ends_with_its_children(tmp_path: Path, code: str, said: str) -> None:
    limits = Limits(time_s=1.0 if "1 s" in said else 60.0, memory_bytes=400 << 20, output_bytes=1000)
    with pytest.raises(AnalysisFailed, match=said):
        run_limited([sys.executable, "-c", code], limits)


def test_reccobeats_gets_audio_without_tags_only_when_asked(
    history: Path, folder: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_RECCOBEATS_URL", standin.reccobeats_url)
    _file(folder / "0.wav", artist="Nobody", title="Not heard either")
    standin.faults.add(Fault(FaultKind.SERVER_ERROR, endpoint="reccobeats_analysis", times=1))
    done = _add(folder, "--analyser", "reccobeats")
    assert done.exit_code == 0, done.output
    assert "leaves this machine" in done.stderr
    assert _shown() == dict.fromkeys(["a" * 22, "b" * 22, LOCAL], (10, "estimated:reccobeats"))
    assert standin.calls.count("reccobeats_analysis") == 4  # three files, one of them twice
    assert not (history / "calls").exists()


def test_a_rate_limit_stops_the_upload_and_a_later_run_continues(
    history: Path, folder: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_RECCOBEATS_URL", standin.reccobeats_url)
    standin.faults.add(
        Fault(FaultKind.RATE_LIMITED, endpoint="reccobeats_analysis", skip=1, times=1, retry_after_s=900)
    )
    done = _add(folder, "--analyser", "reccobeats")
    assert done.exit_code == 75
    outcomes = json.loads(done.stdout)["outcomes"]
    assert (outcomes["analysed"], outcomes["not_tried"]) == (1, 2)
    assert "Run it again later" in done.stderr
    assert len(_shown()) == 1

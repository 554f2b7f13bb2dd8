"""``moodlog dataset``: labelled tracks from playlists, over HTTP to the stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv

from flows.cli import main
from mood_core.classifier.training.data import read_labelled
from mood_core.domain.records import Track, TrackKind
from mood_core.errors import InputError
from mood_core.usecases.models.build_dataset import DatasetReport, ItemOutcome, Playlist, collect, parse_playlist
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, point_at, workspace_of


@pytest.fixture
def labelled(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stand-in's playlists as options of the command, with an account connected."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    options = []
    for playlist in standin.playlists:
        options += ["--playlist", f"{playlist.mood}={playlist.playlist_id}"]
    return options


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_dataset_is_built_and_taken_by_training(labelled: list[str], standin: StandIn, tmp_path: Path) -> None:
    out = tmp_path / "moods.csv"
    done = _moodlog("dataset", "build", *labelled, "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert sum(answer["outcomes"].values()) == answer["items"] > 50
    assert sum(answer["tracks"].values()) == answer["outcomes"]["kept"]
    tracks = read_labelled(out)
    repeated = [note for note in tracks.notes if "repeated" in note]  # the same recording under another id
    assert all(tracks.counts()[mood] <= count for mood, count in answer["tracks"].items())
    assert len(tracks) + int(repeated[0].split()[0]) == answer["outcomes"]["kept"]
    assert set(tracks.classes) == {"Calm", "Energetic", "Happy", "Sad"}

    asked = standin.calls.count("reccobeats_audio_features")
    again = tmp_path / "again.parquet"
    assert _moodlog("dataset", "build", *labelled, "--out", str(again)).exit_code == 0
    assert standin.calls.count("reccobeats_audio_features") == asked
    assert pq.read_table(again)["id"].to_pylist() == csv.read_csv(out)["id"].to_pylist()


def test_an_outage_writes_no_short_file(labelled: list[str], standin: StandIn, tmp_path: Path) -> None:
    standin.faults.add(
        Fault(FaultKind.RATE_LIMITED, endpoint="reccobeats_audio_features", retry_after_s=3600, skip=1, times=None)
    )
    out = tmp_path / "moods.csv"
    done = _moodlog("dataset", "build", *labelled, "--out", str(out))
    assert done.exit_code == 75
    assert "reccobeats" in done.stderr
    assert not out.exists()
    # The next run respects the Retry-After too and makes no call.
    asked = standin.calls.count("reccobeats_audio_features")
    assert _moodlog("dataset", "build", *labelled, "--out", str(out)).exit_code == 75
    assert standin.calls.count("reccobeats_audio_features") == asked


def test_a_dataset_without_a_track_is_no_file(
    labelled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "catalog")
    out = tmp_path / "moods.csv"
    done = _moodlog("dataset", "build", *labelled, "--out", str(out))
    assert done.exit_code == 2
    assert "no features known" in done.stderr
    assert "moodlog catalog add" in done.stderr
    assert "moodlog train" not in done.output
    assert not out.exists()


def test_a_dataset_is_described_and_drawn(labelled: list[str], tmp_path: Path) -> None:
    out, plot = tmp_path / "moods.parquet", tmp_path / "moods.png"
    assert _moodlog("dataset", "build", *labelled, "--out", str(out)).exit_code == 0
    described = json.loads(_moodlog("dataset", "describe", str(out), "--json").stdout)
    assert described["means"]["Calm"]["energy"] < described["means"]["Energetic"]["energy"]
    assert _moodlog("dataset", "describe", str(out), "--plot", str(plot)).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_track_has_a_row_for_each_mood_and_curator_with_its_isrc(
    labelled: list[str], standin: StandIn, tmp_path: Path
) -> None:
    first = standin.playlists[0].playlist_id
    options = [*labelled, "--playlist", f"anna/Calm={first}", "--playlist", f"anna/Sad={first}"]
    out = tmp_path / "moods.parquet"
    done = _moodlog("dataset", "build", *options, "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == sum(json.loads(done.stdout)["tracks"].values())
    anna = [row for row in rows if row["source"] == "anna"]
    assert sum(row["mood"] == "Calm" for row in anna) * 2 == len(anna) > 10
    assert sum(bool(row["isrc"]) for row in rows) > len(rows) / 2
    tracks = read_labelled(out, minimum_tracks=0)
    assert set(tracks.sources or ()) == {"anna", "unknown"}
    assert set(tracks.shares()[np.array(tracks.sources) == "anna"]) == {0.5}
    assert any(key.startswith("isrc:") for keys in tracks.keys for key in keys)


def test_every_item_has_one_outcome() -> None:
    playlists: dict[str, list[object]] = {
        "a": [Track("1", "one", ("x",)), Track("2", "two", ("x",)), "an episode", Track("2", "two", ("x",))],
        "b": [Track("1", "one", ("x",)), Track("spotify:local:y", "mine", ("x",), kind=TrackKind.LOCAL)],
    }
    report = DatasetReport()
    both = [Playlist("Calm", "a"), Playlist("Sad", "b"), Playlist("Calm", "b", "anna")]
    kept = collect(both, lambda id_: iter(playlists[id_]), report)
    assert [(label.track.track_id, label.mood, label.source) for label in kept] == [
        ("1", "Calm", None),
        ("2", "Calm", None),
        ("1", "Sad", None),
        ("1", "Calm", "anna"),
    ]
    assert report.outcomes == {ItemOutcome.REPEATED: 1, ItemOutcome.NOT_A_TRACK: 1, ItemOutcome.LOCAL: 2}
    assert report.outcomes.total() + len(kept) == 8


@pytest.mark.parametrize(
    "text",
    ["Calm", "=37i9dQZF1DWZd79rJ6a7lp", "anna/=37i9dQZF1DWZd79rJ6a7lp", "Calm=somewhere", "Calm=https://example.org/x"],
)
def test_what_is_no_labelled_playlist_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="MOOD=ID"):
        parse_playlist(text)


def test_a_playlist_is_given_by_id_uri_or_address() -> None:
    for reference in (
        "37i9dQZF1DWZd79rJ6a7lp",
        "spotify:playlist:37i9dQZF1DWZd79rJ6a7lp",
        "https://open.spotify.com/playlist/37i9dQZF1DWZd79rJ6a7lp?si=1",
    ):
        assert parse_playlist(f"Calm={reference}") == Playlist("Calm", "37i9dQZF1DWZd79rJ6a7lp")
        assert parse_playlist(f" Anna /calm={reference}") == Playlist("Calm", "37i9dQZF1DWZd79rJ6a7lp", "Anna")

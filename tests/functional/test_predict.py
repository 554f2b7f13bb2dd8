"""``moodlog predict``: tracks by reference, files of features, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.classifier.loading import bundled_folder
from mood_core.classifier.model_card import read_card, write_card
from mood_core.domain.records import FEATURES, MOODS
from standin import StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of

CALM = [0.95, 0.3, 0.1, 0.9, 0.1, -25.0, 0.04, 80.0, 0.1, 180_000]
ENERGETIC = [0.01, 0.55, 0.95, 0.0, 0.2, -4.0, 0.06, 140.0, 0.5, 200_000]


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _file(path: Path, rows: list[list[Any]], names: tuple[str, ...] = FEATURES) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *names])
        writer.writerows(rows)
    return path


def test_a_file_of_features_gives_a_mood_a_row(home: Path, tmp_path: Path) -> None:
    path = _file(tmp_path / "tracks.csv", [["a" * 22, *CALM], ["b" * 22, *ENERGETIC]])
    done = _moodlog("predict", "--features", str(path), "--json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["track_id"][0], line["mood"]) for line in lines] == [("a", "Calm"), ("b", "Energetic")]
    for line in lines:
        assert set(line["probabilities"]) == set(MOODS)
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert line["model_version"] == "playlist-moods/2"
        assert line["uncertain"] in (True, False)


def test_a_row_that_must_not_be_labelled_is_kept_with_its_reason(home: Path, tmp_path: Path) -> None:
    rows = [[f"{index:022d}", *CALM] for index in range(200)]
    rows[7][1] = 1.5  # acousticness
    done = _moodlog("predict", "--features", str(_file(tmp_path / "tracks.csv", rows)), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 200
    assert lines[7]["mood"] is None
    assert "acousticness is 1.5" in lines[7]["problem"]
    assert all(line["mood"] == "Calm" for index, line in enumerate(lines) if index != 7)
    assert "199 of 200 rows" in done.stderr


def test_out_writes_parquet_and_nothing_when_the_file_is_wrong(home: Path, tmp_path: Path) -> None:
    good = _file(tmp_path / "good.csv", [["a" * 22, *CALM]])
    out = tmp_path / "moods.parquet"
    assert _moodlog("predict", "--features", str(good), "--out", str(out)).exit_code == 0
    assert pq.read_table(out)["mood"].to_pylist() == ["Calm"]
    wrong = _file(tmp_path / "wrong.csv", [[f"{i:022d}", *CALM[:4], 40, *CALM[5:]] for i in range(50)])
    refused = _moodlog("predict", "--features", str(wrong), "--out", str(tmp_path / "none.parquet"))
    assert refused.exit_code == 2
    assert "wrong.csv" in refused.stderr
    assert "liveness" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"good.csv", "moods.parquet", "wrong.csv"}


def test_what_is_missing_or_not_read_is_said_once(home: Path, tmp_path: Path) -> None:
    names = ("popularity", *FEATURES[:-1])
    path = _file(tmp_path / "tracks.csv", [[f"{i:022d}", 40, *CALM[:-1]] for i in range(50)], names)
    done = _moodlog("predict", "--features", str(path), "--json")
    assert done.exit_code == 0
    assert done.stderr.count("duration_ms") == 1
    assert done.stderr.count("popularity") == 1


def test_a_track_by_id_uri_or_address(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        with workspace.database.read() as connection:
            track_id, track, mood = connection.exec_driver_sql(
                "SELECT track_id, track, mood FROM _track_moods WHERE mood IS NOT NULL LIMIT 1"
            ).one()
    for reference in (track_id, f"spotify:track:{track_id}", f"https://open.spotify.com/track/{track_id}?si=x"):
        done = _moodlog("predict", reference)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(f"{track} by ")
        assert f"is a {mood.upper()} song" in done.stdout
    line = json.loads(_moodlog("predict", track_id, "--json").stdout)
    assert line["feature_source"].startswith("reccobeats")
    assert {part["feature"] for part in line["factors"]} == set(FEATURES)


def test_a_track_known_by_another_release_of_its_recording_alone(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    now, catalogue = standin.clock.now_ms(), standin.world.catalogue
    known = {song.isrc for song in catalogue.songs if song.known_from_ms is not None and song.known_from_ms <= now}
    sibling = next(song for song in catalogue.songs if song.known_from_ms is None and song.isrc in known)
    line = json.loads(_moodlog("predict", sibling.track_id, "--json").stdout)
    assert line["mood"] in MOODS
    assert line["feature_source"] == "reccobeats:isrc"


def test_what_is_no_track_is_refused(home: Path) -> None:
    refused = _moodlog("predict", "yesterday")
    assert refused.exit_code == 2
    assert "'yesterday' is no Spotify track" in refused.stderr
    assert _moodlog("predict").exit_code == 2


def test_a_track_that_nobody_knows_has_no_mood(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(standin, monkeypatch)
    line = json.loads(_moodlog("predict", "0" * 22, "--json").stdout)
    assert line["mood"] is None
    assert line["problem"]


def _with_sets(folder: Path) -> Path:
    """A copy of the bundled model whose card has thresholds for sets, so low that every set has several moods."""
    shutil.copytree(bundled_folder(), folder)
    card = read_card(folder)
    write_card(replace(card, metrics={**card.metrics, "mood_sets": {"thresholds": dict.fromkeys(MOODS, 1e-9)}}), folder)
    return folder


def test_sets_and_positions_are_reported(home: Path, tmp_path: Path) -> None:
    path = _file(tmp_path / "tracks.csv", [["a" * 22, *CALM], ["b" * 22, *ENERGETIC]])
    arguments = ("predict", "--features", str(path), "--model", str(_with_sets(tmp_path / "model")))
    lines = [json.loads(line) for line in _moodlog(*arguments, "--json").stdout.splitlines()]
    for line in lines:
        members = line["mood_set"].split("|")
        assert line["mood"] in members
        assert line["uncertain"] == (len(members) > 1)
        assert line["soft"] + line["lively"] == pytest.approx(1, abs=1e-4)
        assert -1 <= line["mood_valence"] <= 1
        assert 0 <= line["mood_energy_sd"] <= 1
    assert lines[0]["mood_energy"] < 0 < lines[1]["mood_energy"]
    reported = _moodlog(*arguments)
    assert "with 90% coverage also" in reported.stdout
    assert "On a curator never seen" in reported.stderr


def test_a_model_without_sets_has_none(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_folder(), folder)
    card = read_card(folder)
    write_card(replace(card, metrics={name: one for name, one in card.metrics.items() if name != "mood_sets"}), folder)
    path = _file(tmp_path / "tracks.csv", [["a" * 22, *CALM]])
    (line,) = _moodlog("predict", "--features", str(path), "--model", str(folder), "--json").stdout.splitlines()
    assert json.loads(line)["mood_set"] is None


def test_sources_that_do_not_answer_are_one_sentence_and_an_exit_code(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    monkeypatch.setenv("MOODLOG_RECCOBEATS_URL", "http://127.0.0.1:9")
    done = _moodlog("predict", "a" * 22, "--json")
    assert done.exit_code == 75
    assert json.loads(done.stdout)["mood"] is None
    sentence = done.stderr.splitlines()[-1]
    assert "reccobeats did not answer" in sentence
    assert "next run" not in sentence

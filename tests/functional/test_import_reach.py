"""What follows an import: filled gaps, how far ``status`` says the history reaches, labels, the most heard first."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Gap
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from standin import StandIn
from tests.conftest import NOW
from tests.exports import extended, music, unpacked, zipped
from tests.nights import point_at

DAY = timedelta(days=1)
MARCH = datetime(2024, 3, 1, tzinfo=UTC)


def _run(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def with_gaps(home: Path) -> None:
    """A person with gaps on the 5th and the 15th of March."""
    export = unpacked(home.parent / "first", {"endsong_0.json": [extended(1, "2024-02-01T00:00:00Z")]})
    _run("import", export, "--timezone", "UTC")
    gaps = [Gap("local-me", MARCH + days * DAY, MARCH + (days + 1) * DAY, NOW) for days in (4, 14)]
    with Workspace() as workspace:
        workspace.batches.add(GAPS, to_table(GAPS, gaps), now=NOW)


Export = Callable[[str, str], dict[str, Any]]
EXPORTS: dict[str, Export] = {
    "to the second": lambda first, last: {
        "endsong_0.json": [extended(2, f"{first}T00:00:00Z"), extended(2, f"{last}T00:00:00Z")]
    },
    "to the minute": lambda first, last: {"s0.json": [music("A", f"{first} 00:00"), music("B", f"{last} 00:00")]},
    "by both together": lambda first, last: {
        "endsong_0.json": [extended(2, f"{first}T00:00:00Z")],
        "s0.json": [music("B", f"{last} 00:00")],
    },
}


@pytest.mark.parametrize("form", EXPORTS)
@pytest.mark.usefixtures("with_gaps")
def test_a_gap_is_filled_by_an_export_that_covers_it_whole(tmp_path: Path, form: str) -> None:
    part = zipped(tmp_path / "part.zip", EXPORTS[form]("2024-03-05", "2024-03-15"))
    dry = _run("import", part, "--dry-run")
    assert dry["gaps_filled"] == 1
    assert [gap["filled_at"] for gap in _run("status")["gaps"]] == [None, None]
    assert _run("import", part)["gaps_filled"] == 1
    later, sooner = _run("status")["gaps"]
    assert later["filled_at"] is None
    assert datetime.fromisoformat(sooner["filled_at"]) > NOW - 365 * DAY
    whole = zipped(tmp_path / "whole.zip", EXPORTS[form]("2024-03-01", "2024-04-01"))
    assert _run("import", whole)["gaps_filled"] == 1
    assert all(gap["filled_at"] for gap in _run("status")["gaps"])


def test_status_reports_how_far_the_history_reaches_by_source(home: Path, tmp_path: Path) -> None:
    files = {
        "endsong_0.json": [extended(1, "2011-05-05T05:05:05Z"), extended(1, "2024-03-01T10:00:00Z")],
        "s0.json": [music("Song 1", "2024-05-01 10:00"), music("Unheard", "2023-05-01 10:00")],
    }
    _run("import", zipped(tmp_path / "x.zip", files), "--timezone", "UTC", "--user", "ada")
    assert _run("status")["history"] == [
        _reach("account_data", 1, "2024-05-01T10:00:00+00:00", "2024-05-01T10:00:00+00:00"),
        _reach("extended_history", 2, "2011-05-05T05:05:05+00:00", "2024-03-01T10:00:00+00:00"),
        _reach("pending", 1, "2023-05-01T10:00:00+00:00", "2023-05-01T10:00:00+00:00"),
    ]
    assert "2011-05-05" in CliRunner().invoke(main, ["status", "--all"]).stdout


def _reach(source: str, listens: int, first: str, last: str) -> dict[str, Any]:
    return {"user_id": "local-ada", "source": source, "listens": listens, "first_at": first, "last_at": last}


def test_labels_at_once_ask_as_little_as_can_be_and_begin_with_the_most_heard(
    home: Path, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    listener = standin.listeners[0]
    ids = sorted(
        {each.track_id for each in standin.truth(listener.listener_id, NOW - 30 * DAY, NOW) if not each.is_local}
    )
    heard = ids[:90]
    rows = [
        extended(1, f"{MARCH + timedelta(minutes=4 * (100 * number + time)):%Y-%m-%dT%H:%M:%SZ}") | _uri(track_id)
        for number, track_id in enumerate(heard)
        for time in range(1 + number)
    ]
    export = zipped(tmp_path / "x.zip", {"endsong_0.json": rows})
    report = _run("import", export, "--timezone", "UTC", "--label")
    assert report["outcomes"] == {"imported": len(rows)}
    asked = standin.calls.entries("reccobeats_audio_features", None)
    by_id = asked[:3]  # the rest ask by ISRC
    assert [parse_qs(call.query)["ids"][0].split(",") for call in by_id] == [
        heard[::-1][start : start + 40] for start in (0, 40, 80)
    ]
    assert standin.calls.by_endpoint().keys() <= {"reccobeats_audio_features", "reccobeats_track"}
    with Workspace() as workspace, workspace.database.read() as connection:
        labelled = connection.exec_driver_sql("SELECT count(*) FROM mood_history WHERE mood IS NOT NULL").scalar_one()
    assert labelled > len(rows) / 2


def test_the_end_of_an_import_says_what_was_achieved_and_what_to_do(
    home: Path, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    listener = standin.listeners[0]
    heard = {each.track_id for each in standin.truth(listener.listener_id, NOW - 30 * DAY, NOW) if not each.is_local}
    rows = [
        extended(number, f"2024-03-01T{number // 60:02}:{number % 60:02}:00Z") | _uri(track_id)
        for number, track_id in enumerate(sorted(heard)[:40])
    ]
    files = {"endsong_0.json": rows, "s0.json": [music("Unheard of")]}
    export = zipped(tmp_path / "x.zip", files)
    first = CliRunner().invoke(main, ["import", str(export), "--user", "ada", "--timezone", "Europe/Lisbon"])
    for words in ("ada (local-ada)", "Europe/Lisbon", "moodlog users set-timezone local-ada", "1 play pending"):
        assert words in first.stderr
    for words in ("40 features not asked for yet", "spotify.com/account/privacy", "moodlog run"):
        assert words in first.stderr
    again = CliRunner().invoke(main, ["import", str(export), "--user", "ada", "--label"])
    assert "moodlog report --open" in again.stderr
    assert "moodlog run" not in again.stderr
    state = _run("import", export, "--user", "ada")["achieved"]
    assert state["tracks"] == state["tracks_labelled"] + sum(state["missing"].values()) == 40
    assert 20 < state["tracks_labelled"] == state["tracks_with_features"]


def test_sources_that_do_not_answer_are_one_sentence_and_an_exit_code(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_FEATURE_SOURCES", "reccobeats")
    monkeypatch.setenv("MOODLOG_RECCOBEATS_URL", "http://127.0.0.1:9")
    export = zipped(tmp_path / "x.zip", {"endsong_0.json": [extended(1)]})
    done = CliRunner().invoke(main, ["import", str(export), "--timezone", "UTC", "--label", "--json"])
    assert done.exit_code == 75
    assert json.loads(done.stdout)["achieved"]["missing"] == {"features not asked for yet": 1}
    sentence = done.stderr.splitlines()[-1]
    assert "reccobeats did not answer" in sentence
    assert "moodlog run" in sentence


def test_a_long_history_is_shown_by_month(home: Path, tmp_path: Path) -> None:
    rows = [extended(1, f"{MARCH + number * DAY:%Y-%m-%dT%H:%M:%SZ}") for number in range(120)]
    _run("import", zipped(tmp_path / "x.zip", {"endsong_0.json": rows}), "--timezone", "UTC")
    shown = CliRunner().invoke(main, ["history"])
    assert [month in shown.stdout for month in ("2024-03", "2024-06", "2024-03-01")] == [True, True, False]
    assert "--by day" in shown.stderr
    assert "2024-03-01" in CliRunner().invoke(main, ["history", "--to", "2024-04-30"]).stdout
    assert len(CliRunner().invoke(main, ["history", "--json"]).stdout.splitlines()) == 120


def _uri(track_id: str) -> dict[str, str]:
    return {"spotify_track_uri": f"spotify:track:{track_id}"}

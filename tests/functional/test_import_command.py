"""``moodlog import`` as a command: every form, every outcome, twice, damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.play_matching import pair
from mood_core.domain.play_rules import Play
from mood_core.domain.records import ListenSource
from standin import Fault, FaultKind, StandIn
from tests.exports import extended, music, zipped
from tests.nights import point_at


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "home"))

    def invoke(*words: object) -> Result:
        return CliRunner().invoke(main, ["import", "--timezone", "UTC", "--json", "--min-ms", "0", *map(str, words)])

    return invoke


def stored(home: Path) -> list[tuple[str, str]]:
    with Workspace() as workspace, workspace.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT played_at_ms, track_id FROM listens JOIN tracks USING (track_key) ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]


def test_every_outcome_adds_up_and_a_second_import_changes_nothing(run: Any, tmp_path: Path) -> None:
    rows: list[Any] = [
        extended(1),
        extended(1),
        extended(2, "2024-03-01T10:05:00Z", ms_played=0),
        extended(3, spotify_track_uri=None, spotify_episode_uri="spotify:episode:x", episode_name="E"),
        extended(3, spotify_track_uri=None, audiobook_uri="spotify:show:x"),
        extended(3, spotify_track_uri=None),
        extended(3, spotify_track_uri="spotify:local:A:B:C:100"),
        extended(3, ts="yesterday"),
        extended(3, ms_played="long"),
        17,
    ]
    path = zipped(
        tmp_path / "x.zip",
        {
            "MyData/Streaming_History_Audio_2024.json": b"\xef\xbb\xbf" + json.dumps(rows).encode(),
            "MyData/Streaming_History_Video_2024.json": [extended(4)],
            "MyData/StreamingHistory_music_0.json": [music("Song 1"), music("Unheard of")],
            "MyData/Userdata.json": {"country": "ZZ"},
        },
    )
    dry = json.loads(run(path, "--dry-run").stdout)
    shown = CliRunner().invoke(main, ["import", str(path), "--user", "ada", "--dry-run"]).stdout
    assert "malformed rows, which the import quarantines" in " ".join(shown.split())
    first = json.loads(run(path).stdout)
    assert dry["outcomes"] == first["outcomes"]
    assert first["outcomes"] == {
        "imported": 4,
        "duplicate": 1,
        "same_listen": 1,
        "unmatched": 1,
        "podcast": 1,
        "audiobook": 1,
        "no_uri": 1,
        "malformed": 3,
    }
    assert sum(first["outcomes"].values()) == first["rows_read"] == 13
    before = stored(tmp_path)
    again = json.loads(run(path).stdout)
    repacked = json.loads(run(zipped(tmp_path / "y.zip", {"endsong_0.json": rows})).stdout)
    assert again["outcomes"]["already_imported"] == 5
    assert repacked["outcomes"]["already_imported"] == 3
    assert stored(tmp_path) == before
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert not any(secret in kept for secret in (b"192.0.2.77", b"secret-platform", b"conn_country"))


def test_a_refused_export_changes_nothing(run: Any, tmp_path: Path) -> None:
    whole = json.dumps([extended(1), extended(2)])
    for number, files in enumerate(
        (
            {"Streaming_History_Audio_1.json": whole[:-40], "Streaming_History_Audio_2.json": whole[:-40]},
            {"../Streaming_History_Audio_1.json": whole},
            {"Streaming_History_Audio_1.json": "[" + " " * 30_000_000 + "]"},
            {"Userdata.json": "{}"},
        )
    ):
        result = run(zipped(tmp_path / f"{number}.zip", files))
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
    cut = tmp_path / "cut.zip"
    cut.write_bytes(zipped(tmp_path / "good.zip", {"endsong_0.json": whole}).read_bytes()[:-30])
    assert run(cut).exit_code == 2
    assert not (tmp_path / "home" / "lake").exists()


def test_an_answer_that_labelling_cannot_use_is_kept_for_a_look(
    standin: StandIn, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    standin.faults.add(Fault(FaultKind.WRONG_SHAPE, endpoint="reccobeats_audio_features", body='{"odd": 1}'))
    export = zipped(tmp_path / "x.zip", {"Streaming_History_Audio_2024.json": [extended(1)]})
    done = CliRunner().invoke(main, ["import", "--timezone", "UTC", "--label", str(export)])
    assert done.exit_code == 0, done.output
    (kept,) = (home / "quarantine").glob("*.json")
    assert "odd" in json.loads(kept.read_text("utf-8"))["excerpt"]


def test_account_data_first_then_the_extended_history(run: Any, tmp_path: Path) -> None:
    names = zipped(tmp_path / "a.zip", {"StreamingHistory0.json": [music("Song 1")]})
    assert json.loads(run(names).stdout)["outcomes"] == {"unmatched": 1}
    uris = zipped(tmp_path / "b.zip", {"endsong_0.json": [extended(1)]})
    assert json.loads(run(uris).stdout)["outcomes"] == {"imported": 1}


AT_TEN = [extended(1, "2024-03-01T10:00:00Z", 0), music("Song 1", "2024-03-01 10:00", 61_000)]


@pytest.mark.parametrize(
    "parts", [[AT_TEN], [AT_TEN[:1], AT_TEN[1:]], [AT_TEN[1:], AT_TEN[:1]]], ids=["at once", "in order", "reversed"]
)
def test_different_plays_of_a_song_at_one_time_both_stay(
    run: Any, tmp_path: Path, parts: list[list[dict[str, Any]]]
) -> None:
    known = [extended(1, "2020-01-01T00:00:00Z")]
    for number, rows in enumerate([known, *parts]):
        outcomes = json.loads(run(zipped(tmp_path / f"{number}.zip", {"endsong_0.json": rows})).stdout)["outcomes"]
        assert outcomes == {"imported": len(rows)}
    assert len(stored(tmp_path)) == 3


def test_a_row_that_was_new_beside_an_extended_one_is_known_the_next_time(run: Any, tmp_path: Path) -> None:
    """Both rows of account data fit the one of the extended history, which stands for the first of them alone."""
    rows = [
        extended(1, "2024-03-01T10:00:40Z", 1_000),
        music("Song 1", "2024-03-01 10:00", 1_000),
        music("Song 1", "2024-03-01 10:01", 1_000),
    ]
    first = json.loads(run(zipped(tmp_path / "a.zip", {"endsong_0.json": rows})).stdout)["outcomes"]
    again = json.loads(run(zipped(tmp_path / "b.zip", {"endsong_1.json": rows[::-1]})).stdout)["outcomes"]
    assert first == {"imported": 2, "same_listen": 1}
    assert again == {"already_imported": 2, "same_listen": 1}


plays = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 300_000)), max_size=12)


@given(plays, plays)
@settings(max_examples=200, deadline=None)
def test_pairs_are_one_to_one_whatever_the_order(polled: list[tuple[int, int]], heard: list[tuple[int, int]]) -> None:
    stored_plays = [Play(at * 1000, None, ListenSource.RECENTLY_PLAYED) for at, _ in polled]
    incoming = [Play(at * 1000, ms, ListenSource.EXTENDED_HISTORY) for at, ms in heard]
    forward, backward = pair(stored_plays, incoming), pair(stored_plays[::-1], incoming[::-1])
    used = [id(play) for play in forward if play is not None]
    assert len(used) == len(set(used))
    assert sum(play is None for play in forward) == sum(play is None for play in backward)


def test_a_loop_keeps_each_of_its_plays() -> None:
    starts = [Play(at, None, ListenSource.RECENTLY_PLAYED) for at in (0, 200_000, 400_000)]
    ends = [Play(at, 200_000, ListenSource.EXTENDED_HISTORY) for at in (200_000, 400_000, 600_000, 800_000)]
    assert [play and play.at_ms for play in pair(starts, ends)] == [0, 200_000, 400_000, None]

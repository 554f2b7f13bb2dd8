"""One play seen by several sources is one listen, whichever came first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.recordings import songs_of
from mood_core.domain.records import Track
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.imports.match_pending import match_pending
from standin import StandIn, TrueListen
from tests.conftest import NOW
from tests.nights import connect_listeners, contents, one_night, point_at, workspace_of


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(standin, monkeypatch)


def _extended(listen: TrueListen) -> dict[str, Any]:
    return {
        "ts": f"{listen.ended_at:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": listen.ms_played,
        "spotify_track_uri": f"spotify:track:{listen.track_id}",
        "master_metadata_track_name": "a title",
        "master_metadata_album_artist_name": "an artist",
        "master_metadata_album_album_name": None,
        "incognito_mode": False,
    }


def _import(path: Path, rows: list[dict[str, Any]], user: str) -> dict[str, Any]:
    path.write_text(json.dumps(rows), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", str(path), "--user", user, "--json"])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    assert sum(report["outcomes"].values()) == report["rows_read"] == len(rows)
    return report


def _truth(standin: StandIn) -> list[TrueListen]:
    listener = standin.listeners[0]
    listens = standin.truth(listener.listener_id, NOW - timedelta(days=5), NOW)
    return [listen for listen in listens if not listen.is_local and listen.ended_at <= NOW]


@pytest.mark.parametrize("export_first", [True, False])
def test_polls_and_an_export_of_the_same_plays_become_one_row_each(
    standin: StandIn, tmp_path: Path, export_first: bool
) -> None:
    truth = _truth(standin)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        user = standin.listeners[0].account_id
        if not export_first:
            one_night(workspace)
    _import(tmp_path / "Streaming_History_Audio_2026_1.json", [_extended(listen) for listen in truth], user)
    with workspace_of(standin) as workspace:
        one_night(workspace)
        one_night(workspace)
        stored = [row for row in contents(workspace)["listens"] if row[0] == user and not row[2].startswith("spotify:")]
    plays = {(listen.played_at, listen.track_id) for listen in truth}
    assert len(stored) == len(plays)
    tracks = sorted(row[2] for row in stored)
    assert tracks == sorted(listen.track_id for listen in truth)


def test_a_play_without_an_address_waits_until_its_track_is_known(standin: StandIn, tmp_path: Path) -> None:
    row = {"endTime": "2026-11-10 08:15", "artistName": "Some One", "trackName": "A Song", "msPlayed": 180_000}
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    user = standin.listeners[0].account_id
    _import(tmp_path / "StreamingHistory_music_0.json", [row], user)
    with workspace_of(standin) as workspace:
        rows = ImportRows(workspace.database)
        assert match_pending(rows, workspace.batches, now=NOW) == 0
        assert _listens(workspace, user) == 0
        track = Track("0" * 22, "A Song", ("Some One",), duration_ms=181_000)
        workspace.batches.add(TRACKS, to_table(TRACKS, [track]), now=NOW)
        assert match_pending(rows, workspace.batches, now=NOW) == 1
        assert _listens(workspace, user) == 1
        assert match_pending(rows, workspace.batches, now=NOW) == 0
        assert _listens(workspace, user) == 1


def test_names_are_held_against_the_pending_plays_once_but_none_is_missed(standin: StandIn, tmp_path: Path) -> None:
    rows_given = [
        {"endTime": "2026-11-10 08:15", "artistName": "Some One", "trackName": title, "msPlayed": 180_000}
        for title in ("A Song", "Another Song")
    ]
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    user = standin.listeners[0].account_id
    _import(tmp_path / "StreamingHistory_music_0.json", rows_given, user)
    with workspace_of(standin) as workspace:
        assert match_pending(ImportRows(workspace.database), workspace.batches, now=NOW) == 0
        rows = _NewNamesAlone(workspace.database)
        # A batch bears the time at which its run began, so it may come after the last look and be dated before it.
        for began, title in ((NOW - timedelta(hours=6), "A Song"), (NOW + timedelta(days=40), "Another Song")):
            track = Track(f"{len(title):022}", title, ("Some One",), duration_ms=181_000)
            workspace.batches.add(TRACKS, to_table(TRACKS, [track]), now=began)
            assert match_pending(rows, workspace.batches, now=max(began, NOW)) == 1
        assert _listens(workspace, user) == 2


class _NewNamesAlone(ImportRows):
    """Refuses to read every name there is."""

    def track_names(self) -> Iterator[tuple[str, str, str]]:
        raise AssertionError("all names were read")


def test_an_archive_larger_than_the_settings_allow_is_refused(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endsong_0.json"
    path.write_text(json.dumps([_extended(listen) for listen in _truth(standin)]), encoding="utf-8")
    monkeypatch.setenv("MOODLOG_IMPORT_MAX_BYTES", "1000")
    done = CliRunner().invoke(main, ["import", str(path), "--user", "me", "--timezone", "UTC"])
    assert done.exit_code == 2
    assert "MOODLOG_IMPORT_MAX_BYTES" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def _listens(workspace: Workspace, user: str) -> int:
    with workspace.database.read() as connection:
        query = text("SELECT count(*) FROM mood_history WHERE user_id = :user")
        return int(connection.execute(query, {"user": user}).scalar_one())


def _named(at: str, title: str) -> dict[str, Any]:
    return {
        "ts": at,
        "ms_played": 180_000,
        "spotify_track_uri": f"spotify:track:0{'b' * 21}",
        "master_metadata_track_name": title,
        "master_metadata_album_artist_name": "Zed",
    }


@pytest.mark.parametrize("title_before", [None, "Alpha", "Alpha - Live"])
def test_a_track_that_an_export_names_in_two_ways_is_compared_by_both_names(
    tmp_path: Path, title_before: str | None
) -> None:
    user = "ada"
    if title_before:  # then the names of the new tracks are compared with those that are stored
        _import(tmp_path / "Streaming_History_Audio_0.json", [_named("2025-04-01T09:00:00Z", title_before)], user)
    library = {"tracks": [{"artist": "Zed", "track": "Alpha", "uri": f"spotify:track:0{'a' * 21}"}]}
    (tmp_path / "account").mkdir()
    (tmp_path / "account" / "YourLibrary.json").write_text(json.dumps(library), encoding="utf-8")
    play = {"endTime": "2026-05-01 10:03", "artistName": "Zed", "trackName": "Alpha", "msPlayed": 180_000}
    (tmp_path / "account" / "StreamingHistory_music_0.json").write_text(json.dumps([play]), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", str(tmp_path / "account"), "--user", user, "--json"])
    assert json.loads(done.stdout)["outcomes"] == {"imported": 1}, done.output
    rows = [_named("2026-04-01T09:00:00Z", "Alpha - Live"), _named("2026-05-01T10:03:11Z", "Alpha")]
    report = _import(tmp_path / "Streaming_History_Audio_1.json", rows, user)
    assert report["outcomes"] == {"imported": 1, "same_listen": 1}


def test_the_end_of_an_import_separates_found_pending_plays_from_those_without_a_track(tmp_path: Path) -> None:
    plays = [
        {"endTime": f"2026-05-01 10:0{minute}", "artistName": "Zed", "trackName": title, "msPlayed": 180_000}
        for minute, title in ((1, "Alpha"), (5, "Alpha"), (9, "Beta"))
    ]
    _import(tmp_path / "StreamingHistory_music_0.json", plays, "ada")
    rows = [_named("2026-05-01T10:01:11Z", "Alpha"), _named("2026-05-01T10:05:11Z", "Alpha")]
    path = tmp_path / "Streaming_History_Audio_0.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", str(path), "--user", "ada"])
    assert "2 plays pending whose track is known now" in done.stderr
    assert "1 play pending: no track of their artist and title is known yet" in done.stderr
    with Workspace() as workspace:
        assert match_pending(ImportRows(workspace.database), workspace.batches, now=workspace.now()) == 2


def test_a_track_with_two_names_joins_their_songs() -> None:
    plain, both = "a" * 22, "b" * 22
    tracks = [Track(plain, "Alpha", ("Zed",)), Track(both, "Alpha", ("Zed",)), Track(both, "Alpha - Live", ("Zed",))]
    for order in permutations(tracks):
        songs = songs_of(order)
        assert songs[plain] == songs[both]

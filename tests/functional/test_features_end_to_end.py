"""Features through the real store: the fewest calls, nothing asked twice, late features label old listens."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from math import ceil
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import Track
from mood_core.errors import InputError
from mood_core.features.fetch_report import QuarantinedResponse
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from mood_core.usecases.nightly.fetch_features import fetch_features
from mood_core.usecases.nightly.label_tracks import label_tracks
from mood_core.usecases.quarantine import quarantine_responses
from standin import Fault, FaultKind, StandIn
from tests.conftest import NOW
from tests.many_tracks import add_tracks
from tests.nights import connect_listeners, contents, one_night, settings_for, workspace_of


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (settings_for(standin) | {"MOODLOG_FEATURE_SOURCES": "catalog,reccobeats"}).items():
        monkeypatch.setenv(name, value)


def test_unknown_tracks_cost_one_call_for_forty_and_known_ones_none(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 130)
        for expected in (ceil(130 / 40), 0):
            before = standin.calls.count("reccobeats_audio_features")
            fetch_features(workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now())
            assert standin.calls.count("reccobeats_audio_features") - before == expected
        assert standin.calls.count("reccobeats_track") == 1


def test_the_codes_of_imported_tracks_are_learned_and_kept_in_the_lake(standin: StandIn) -> None:
    now, catalogue = standin.clock.now_ms(), standin.world.catalogue
    known = {song.isrc for song in catalogue.songs if song.known_from_ms is not None and song.known_from_ms <= now}
    siblings = [song for song in catalogue.songs if song.known_from_ms is None and song.isrc in known]
    imported = [Track(song.track_id, song.name, ("x",)) for song in siblings]
    with workspace_of(standin) as workspace:
        workspace.batches.add(TRACKS, to_table(TRACKS, imported), now=workspace.now())
        workspace.fetch_features()
        workspace.rebuild()
        stored = workspace.feature_rows.stored([song.track_id for song in siblings])
    for song in siblings:
        track, features, source = stored[song.track_id]
        assert (track.name, track.isrc, track.duration_ms) == (song.name, song.isrc, song.duration_ms)
        assert features is not None
        assert source == "reccobeats:isrc"


def test_many_answers_make_few_files_and_a_kill_costs_no_call(standin: StandIn) -> None:
    tracks, calls = 330, ceil(330 / 40)
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, tracks)
        fetch = partial(fetch_features, workspace.feature_sources(), workspace.feature_rows, workspace.batches)

        def die(done: int, _of: int) -> None:
            if done >= 120:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fetch(now=workspace.now(), progress=die)
        assert _feature_files(workspace) == 0
        fetch(now=workspace.now())
        assert standin.calls.count("reccobeats_audio_features") == calls, "nothing is asked twice"
        assert _feature_files(workspace) <= 4, "one for features and one for misses, of each run"
        stored = contents(workspace)
        assert len({row[0] for row in (*stored["features"], *stored["misses"])}) == tracks
        fetch(now=workspace.now())
        assert contents(workspace) == stored


def test_a_batch_of_features_ends_at_its_number_of_rows(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mood_core.usecases.collect_responses.PUBLISH_EVERY", 100)
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 330)
        fetch_features(workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now())
        assert 4 <= _feature_files(workspace) <= 8
        assert workspace.feature_rows.pending.count() == 0


def _feature_files(workspace: Workspace) -> int:
    return sum(len(workspace.lake.paths(dataset)) for dataset in ("audio_features", "feature_misses"))


def test_a_track_that_becomes_known_labels_its_old_listens(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        unlabelled = {row[0] for row in contents(workspace)["moods"] if row[1] is None}
        standin.clock.advance(timedelta(weeks=17))
        fetch_features(workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now())
        label_tracks(
            workspace.classifier,
            workspace.model_card,
            workspace.mood_rows,
            workspace.batches,
            now=workspace.now(),
        )
        labelled = {row[0] for row in contents(workspace)["moods"] if row[1] is not None}
        assert labelled & unlabelled
        with workspace.database.read() as connection:
            traced = connection.execute(
                text(
                    "SELECT count(*) FROM mood_history AS h JOIN tracks AS t ON t.track_id = h.track_id"
                    " JOIN audio_features AS f ON f.track_key = t.track_key"
                    " JOIN sources AS s ON s.source_key = f.source_key"
                    " WHERE h.mood IS NOT NULL AND s.source = h.feature_source AND f.fetched_at_ms > 0"
                )
            ).scalar_one()
            moods = connection.execute(text("SELECT count(*) FROM mood_history WHERE mood IS NOT NULL")).scalar_one()
    assert traced == moods


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x13" * 400, b"id,energy\n1,0.5\n"])
def test_a_wrong_catalogue_file_is_reported_in_one_line_and_changes_nothing(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(content)
    monkeypatch.setenv("MOODLOG_CATALOG", str(wrong))
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 5)
        before = contents(workspace)
        with pytest.raises(InputError, match=r"wrong\.csv") as caught:
            fetch_features(workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now())
        assert "\n" not in caught.value.message
        assert contents(workspace) == before


def test_an_answer_that_does_not_fit_is_quarantined_and_not_used(standin: StandIn, home: Path) -> None:
    standin.faults.add(Fault(FaultKind.WRONG_SHAPE, endpoint="reccobeats_audio_features", times=None))
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 50)
        report = fetch_features(
            workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now()
        )
        assert contents(workspace)["features"] == []
        files = quarantine_responses(report.quarantined, home / "quarantine", now=workspace.now())
    assert files
    kept = json.loads(files[0].read_text(encoding="utf-8"))
    assert kept["source"].startswith("reccobeats")
    assert kept["reason"]
    assert len(kept["track_ids"]) == 40


def test_nothing_aside_makes_no_folder(tmp_path: Path) -> None:
    assert quarantine_responses([], tmp_path / "quarantine", now=NOW) == []
    assert not (tmp_path / "quarantine").exists()
    assert quarantine_responses([QuarantinedResponse("x:y", "odd", "<", ("1",))], tmp_path / "quarantine", now=NOW)


def test_long_labelling_reports_how_far_it_is(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("mood_core.store.queries.mood_rows", "mood_core.usecases.nightly.label_tracks"):
        monkeypatch.setattr(f"{module}.PAGE", 40)
    reported: list[tuple[int, int]] = []
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 130)
        fetch_features(workspace.feature_sources(), workspace.feature_rows, workspace.batches, now=workspace.now())
        left = workspace.mood_rows.count_unlabelled(workspace.model_card.model_version)
        report = label_tracks(
            workspace.classifier,
            workspace.model_card,
            workspace.mood_rows,
            workspace.batches,
            now=workspace.now(),
            progress=lambda done, of: reported.append((done, of)),
        )
    assert left == report.labelled > 80
    assert reported == [(min(done, left), left) for done in range(40, left + 40, 40)]


@pytest.mark.parametrize("step", ["published", "loaded"])
def test_a_run_that_is_killed_while_it_publishes_leaves_each_row_once(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with workspace_of(standin) as workspace:
        add_tracks(workspace, standin, 90)
        fetch = partial(fetch_features, workspace.feature_sources(), workspace.feature_rows, workspace.batches)
        with monkeypatch.context() as dying:
            where = {"published": "mood_core.usecases.batch_writer.load_into", "loaded": f"{_PENDING}.remove"}[step]
            dying.setattr(where, _die)
            with pytest.raises(KeyboardInterrupt):
                fetch(now=workspace.now())
        standin.clock.advance(timedelta(hours=1))
        workspace.batches.finish(now=workspace.now())
        fetch(now=workspace.now())
        stored = contents(workspace)
        in_lake = sum(
            workspace.lake.read(path)[1].num_rows
            for dataset in ("audio_features", "feature_misses")
            for path in workspace.lake.paths(dataset)
        )
        assert in_lake == len(stored["features"]) + len(stored["misses"])
        assert workspace.feature_rows.pending.count() == 0


_PENDING = "mood_core.store.queries.pending_responses.PendingResponses"


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt

"""An import is taken back whole, whatever happened since: from SQL and the lake, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.import_export import match_names, undo
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Gap, from_ms
from mood_core.errors import InputError, StoreBusy, StoreError
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from mood_core.store.locks.named_locks import NamedLock
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.imports import undo_import, write
from mood_core.usecases.imports.match_pending import match_pending
from mood_core.usecases.remove_rows import replace_by
from tests.exports import extended, music, track_id, unpacked
from tests.nights import contents

Run = Callable[..., dict[str, Any]]
MINE = {
    "endsong_0.json": [extended(number, f"2024-03-0{number}T10:00:00Z") for number in range(1, 6)],
    "s0.json": [music("Song 1", "2024-04-01 10:00"), music("Song 8", "2024-04-01 10:10"), music("Unheard")],
}
OTHER = {"endsong_0.json": [extended(8, "2020-01-01T00:00:00Z"), extended(1, "2024-03-01T10:00:00Z")]}


@pytest.fixture
def run(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)

    def invoke(*words: object) -> dict[str, Any]:
        zone = [] if "--undo" in words else ["--timezone", "UTC"]
        done = CliRunner().invoke(main, ["import", *zone, "--json", *map(str, words)])
        assert done.exit_code == 0, done.output
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return invoke


def _state() -> tuple[Any, ...]:
    with Workspace() as workspace:
        stored = contents(workspace)
        assert workspace.verify(deep=True).findings == []
        with workspace.database.read() as connection:
            plays = connection.exec_driver_sql("SELECT title, track_key FROM named_plays ORDER BY 1").all()
            gaps = connection.exec_driver_sql("SELECT starts_at_ms, filled_at_ms FROM gaps").all()
    return stored["listens"], [tuple(row) for row in plays], [tuple(row) for row in gaps]


def test_an_import_is_taken_back_and_can_be_repeated(run: Run, tmp_path: Path) -> None:
    other = unpacked(tmp_path / "other", OTHER)
    run(other, "--user", "bob")
    run(unpacked(tmp_path / "first", {"endsong_0.json": [extended(9, "2019-01-01T00:00:00Z")]}), "--user", "ada")
    day = timedelta(days=1)
    with Workspace() as workspace:
        gap = Gap("local-ada", from_ms(1_709_380_000_000), from_ms(1_709_380_000_000) + day / 24, workspace.now())
        workspace.batches.add(GAPS, to_table(GAPS, [gap]), now=workspace.now())
    before = _state()
    mine = unpacked(tmp_path / "mine", MINE)
    report = run(mine, "--user", "ada")
    assert (report["outcomes"], report["gaps_filled"]) == ({"imported": 7, "unmatched": 1}, 1)
    with Workspace() as workspace:
        workspace.compact(before="2999-01")
        workspace.rebuild()
    assert _state() != before
    taken = run("--undo", report["import_id"])
    assert (taken["listens"], taken["pending_plays"], taken["gaps_reopened"]) == (7, 1, 1)
    assert _state() == before
    again = run(mine, "--user", "ada")
    assert (again["outcomes"], again["gaps_filled"]) == ({"imported": 7, "unmatched": 1}, 1)


@pytest.mark.parametrize("more", [["--dry-run"], ["--label"], ["--min-ms", "0"], ["mine"]])
def test_options_that_an_undo_would_ignore_are_refused(run: Run, tmp_path: Path, more: list[str]) -> None:
    mine = unpacked(tmp_path / "mine", MINE)
    report = run(mine, "--user", "ada")
    before = _state()
    more = [str(mine) if word == "mine" else word for word in more]
    refused = CliRunner().invoke(main, ["import", "--undo", report["import_id"], *more])
    assert refused.exit_code == 2
    assert "leave out" in refused.stderr
    assert _state() == before


def test_listens_that_pending_plays_became_later_go_too(run: Run, tmp_path: Path) -> None:
    run(unpacked(tmp_path / "first", {"endsong_0.json": [extended(9, "2019-01-01T00:00:00Z")]}), "--user", "ada")
    report = run(unpacked(tmp_path / "mine", {"s0.json": [music("Song 1"), music("Song 2")]}), "--user", "ada")
    assert report["outcomes"] == {"unmatched": 2}
    run(unpacked(tmp_path / "other", OTHER), "--user", "bob")
    before = None
    with Workspace() as workspace:
        assert match_names(workspace) == 1
        before = contents(workspace)["listens"]
        workspace.compact(before="2999-01")
    assert run("--undo", report["import_id"])["listens"] == 1
    listens, plays, _ = _state()
    assert len(before) == len(listens) + 1
    assert plays == []


def test_stopped_at_any_file_it_is_completed_by_another_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(unpacked(tmp_path / "other", OTHER), "--user", "bob")
    before = _state()
    for stop_at in range(3):
        import_id = run(unpacked(tmp_path / f"{stop_at}", MINE), "--user", "ada")["import_id"]
        with monkeypatch.context() as patch, Workspace() as workspace:
            patch.setattr(undo_import, "replace_by", _stopping(stop_at))
            with pytest.raises(StoreError):
                undo(workspace, import_id)
        run("--undo", import_id)
        assert _state() == before


def _stopping(stop_at: int) -> Callable[..., Any]:
    real, calls = replace_by, iter(range(100))

    def replace(*values: Any, **options: Any) -> Any:
        if next(calls) == stop_at:
            raise StoreError("stopped")
        return real(*values, **options)

    return replace


def test_the_files_of_one_import_are_merged_and_it_can_still_be_taken_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "ROWS_A_FILE", 2)
    run(unpacked(tmp_path / "other", OTHER), "--user", "ada")
    before = _state()
    import_id = run(unpacked(tmp_path / "mine", MINE), "--user", "ada")["import_id"]
    run(unpacked(tmp_path / "third", {"s9.json": [music("Song 8", "2024-05-01 10:00")]}), "--user", "ada")
    with Workspace() as workspace:
        files = len(workspace.lake.paths("listens"))
        workspace.compact(before="2999-01")
        assert files - 2 >= len(workspace.lake.paths("listens")) == 3
    run("--undo", import_id)
    listens, plays, _ = _state()
    assert len(listens) == len(before[0]) + 1
    assert plays == []


def test_the_imports_are_listed_each_with_its_own_outcomes(run: Run, tmp_path: Path) -> None:
    """Even if the same files are imported again: the earlier import keeps what it did."""
    folder = unpacked(tmp_path / "mine", MINE)
    first = run(folder, "--user", "ada")
    second = run(folder, "--user", "ada")
    assert second["import_id"] is None, "it stored nothing that could be taken back"
    third = run(unpacked(tmp_path / "more", {"s1.json": [music("Unheard", "2024-06-01 10:00")]}), "--user", "ada")
    done = CliRunner().invoke(main, ["import", "--list", "--user", "ada", "--json"])
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["import_id"], each["rows_read"], each["outcomes"]) for each in listed] == [
        (third["import_id"], 1, {"unmatched": 1}),
        (first["import_id"], 8, first["outcomes"]),
    ]
    assert first["import_id"] in CliRunner().invoke(main, ["import", "--list"]).stdout
    assert CliRunner().invoke(main, ["import", "--list", str(folder)]).exit_code == 2


def test_a_time_zone_for_a_known_person_is_not_ignored_silently(run: Run, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "mine", MINE)
    run(folder, "--user", "ada")
    done = CliRunner().invoke(main, ["import", str(folder), "--user", "ada", "--timezone", "Asia/Tokyo"])
    assert done.exit_code == 0
    assert "moodlog users set-timezone local-ada Asia/Tokyo" in done.stderr
    done = CliRunner().invoke(main, ["import", str(folder), "--user", "ada", "--timezone", "Nowhere"])
    assert done.exit_code == 2


def test_an_answer_about_a_track_of_the_import_alone_stays(run: Run, tmp_path: Path) -> None:
    done = run(unpacked(tmp_path, MINE))
    with Workspace() as workspace:
        user_id, track = done["user_id"], track_id(2)
        workspace.answer(user_id, track, "Sad")
    run("--undo", done["import_id"])
    with Workspace() as workspace:
        assert workspace.verify(deep=True).findings == []
        assert workspace.answer_summary(user_id).tracks == 1
        with pytest.raises(InputError, match="no listen"):
            workspace.answer(user_id, track, "Calm")
    run(unpacked(tmp_path, MINE), "--user", user_id)
    with Workspace() as workspace, workspace.database.read() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT mood, label_source FROM mood_history WHERE track_id = '{track}'"  # noqa: S608
        ).all()
        assert [tuple(row) for row in rows] == [("Sad", "person")]
        assert workspace.verify(deep=True).findings == []


def test_an_unknown_import_is_refused_with_the_known_ones(run: Run, tmp_path: Path) -> None:
    known = run(unpacked(tmp_path / "x", OTHER))["import_id"]
    done = CliRunner().invoke(main, ["import", "--undo", "00000000"])
    assert done.exit_code == 2
    assert known in done.stderr
    assert CliRunner().invoke(main, ["import"]).exit_code == 2


def test_rows_that_differ_after_an_undo_are_reported(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(unpacked(tmp_path / "first", {"endsong_0.json": [extended(9, "2019-01-01T00:00:00Z")]}), "--user", "ada")
    import_id = run(unpacked(tmp_path / "mine", MINE), "--user", "ada")["import_id"]
    monkeypatch.setattr(undo_import, "replace_by", lambda *_, **__: None)  # the rows stay in the lake
    with Workspace() as workspace, pytest.raises(StoreError, match="listens of local-ada: the rows differ"):
        undo(workspace, import_id)


@pytest.mark.parametrize("forget_first", [False, True])
def test_an_undo_beside_a_forgetting_leaves_nothing_of_the_person(run: Run, tmp_path: Path, forget_first: bool) -> None:
    """Both want the lock of the lake: the second waits or is refused, and nothing that either removed comes back."""
    run(unpacked(tmp_path / "other", OTHER), "--user", "bob")
    before = _state()
    import_id = run(unpacked(tmp_path / "mine", MINE), "--user", "ada")["import_id"]
    started = Barrier(2)

    def taken_back() -> str:
        with Workspace() as workspace:
            started.wait()
            try:
                undo(workspace, import_id)
            except (InputError, StoreError) as error:
                return error.message
        return "taken back"

    def forgotten() -> str:
        with Workspace() as workspace:
            started.wait()
            while True:
                try:
                    workspace.forget("local-ada", called="ada")
                except StoreBusy:  # the other holds the lock
                    continue
                return "forgotten"

    steps = (forgotten, taken_back) if forget_first else (taken_back, forgotten)
    with ThreadPoolExecutor(2) as together:
        for done in [together.submit(step) for step in steps]:
            done.result()
    with Workspace() as workspace:
        workspace.batches.finish(now=workspace.now(), everywhere=True)
    listens, plays, _ = _state()
    assert (listens, plays) == before[:2]
    with Workspace() as workspace:
        assert all("local-ada" not in workspace.lake.people(path) for path in workspace.lake.paths("listens"))


def test_plays_that_a_run_is_matching_do_not_come_back(run: Run, tmp_path: Path) -> None:
    """The run has read the pending plays when the undo begins; whichever is first, the other sees what it did."""
    run(unpacked(tmp_path / "other", OTHER), "--user", "bob")
    before = _state()
    import_id = run(unpacked(tmp_path / "mine", {"s0.json": [music("Unheard")]}), "--user", "ada")["import_id"]
    has_read, may_go_on = Event(), Event()

    def catalog(_names: object) -> list[tuple[str, str, str]]:
        has_read.set()
        may_go_on.wait(60)
        return [(track_id(99), "Unheard", "The Invented")]

    def match() -> int:
        with Workspace() as workspace, workspace.lock(NamedLock.LABELS):
            rows = ImportRows(workspace.database)
            return match_pending(rows, workspace.batches, now=workspace.now(), catalog=catalog)

    def take_back() -> None:
        with Workspace() as workspace:
            undo(workspace, import_id)

    with ThreadPoolExecutor(2) as together:
        matching = together.submit(match)
        assert has_read.wait(60)
        taking_back = together.submit(take_back)
        wait([taking_back], timeout=2)  # it waits for the run, or has ended
        may_go_on.set()
        assert matching.result() == 1
        taking_back.result()
    assert _state()[:2] == before[:2]

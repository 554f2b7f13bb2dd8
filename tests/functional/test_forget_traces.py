"""Forgetting reaches what HOME holds of people beside lake and SQL, even if it was killed or a run is late."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.files.private import file_stem
from mood_core.lake.schema import LISTENS
from mood_core.report.recap_picture import picture_name
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.usecases.quarantine import quarantine_rows
from standin import StandIn
from tests.functional.test_forget_person import Killed
from tests.nights import connect_listeners, connected_and_pulled, contents, workspace_of


@pytest.fixture
def ids(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)
    return connected_and_pulled(standin, monkeypatch)


def _moodlog(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def _leave_traces(home: Path, tmp_path: Path, user_id: str) -> list[Path]:
    """Quarantined rows and a recap's picture, as an import and the weekly recap write them."""
    with (tmp_path / "rows").open("w+", encoding="utf-8") as rows:
        rows.write(f'{{"row": "of {user_id}"}}\n')
        aside = quarantine_rows(rows, home / "quarantine", user_id)
    assert aside is not None
    picture = home / "recaps" / "2026-11-16" / picture_name(user_id)
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"PNG")
    return [aside, picture]


@pytest.mark.parametrize("completed_by", ["compact", "rebuild", "a night"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_forgets_that_another_run_completes_clear_quarantine_and_pictures(
    ids: list[str], standin: StandIn, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, completed_by: str
) -> None:
    """One was killed at its begin, the other at its end."""
    first, second, others = (_leave_traces(home, tmp_path, user_id) for user_id in ids)
    for number, (user_id, traces) in enumerate(zip(ids, (first, second, others), strict=True)):
        traces.append(home / f"page-{number}.html")
        traces[-1].write_text(f'<script>{{"user_id":"{user_id}"}}</script>', encoding="utf-8")
    for user_id, killed_at in zip(ids[1::-1], ("end", "begin"), strict=True):
        real = getattr(PersonErasure, killed_at)

        def killed(*given: object, real: Any = real, at: str = killed_at, **named: object) -> None:
            if at == "begin":
                real(*given, **named)
            raise Killed

        with workspace_of(standin) as workspace, monkeypatch.context() as patch:
            patch.setattr(PersonErasure, killed_at, killed)
            patch.setattr("mood_core.app.home_files.delete_quarantined_rows", lambda *_: 0)
            with pytest.raises(Killed):
                workspace.forget(user_id)
    assert first[0].exists()
    assert second[0].exists()
    if completed_by == "a night":
        with workspace_of(standin) as workspace:
            workspace.batches.finish(now=workspace.now())
    else:
        done = _moodlog(completed_by)
        assert done.exit_code == 0, done.output
    assert [path for path in (*first, *second, *others) if path.exists()] == others
    with workspace_of(standin) as workspace:
        assert not [user_id for user_id in ids[:2] if user_id in repr(contents(workspace))]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_late_run_writes_into_home_goes_with_the_next_run(
    ids: list[str], standin: StandIn, home: Path, tmp_path: Path
) -> None:
    with workspace_of(standin) as workspace:
        workspace.forget(ids[0])
    theirs, others = (_leave_traces(home, tmp_path, user_id) for user_id in ids[:2])
    unknown = _leave_traces(home, tmp_path, "long" * 40)  # its name says who it is only to those who know
    assert file_stem("long" * 40) not in ("long" * 40, "long")
    with workspace_of(standin) as workspace:
        workspace.batches.finish(now=workspace.now())
    assert [path for path in (*theirs, *others, *unknown) if path.exists()] == others


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_came_back_keeps_what_was_written_since(
    ids: list[str], standin: StandIn, home: Path, tmp_path: Path
) -> None:
    with workspace_of(standin) as workspace:
        workspace.forget(ids[0])
    standin.clock.advance(timedelta(hours=1))
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        back_at = workspace.now().timestamp()
    old, new = _leave_traces(home, tmp_path, ids[0])
    os.utime(old, (back_at - 60, back_at - 60))
    os.utime(new, (back_at + 60, back_at + 60))
    with workspace_of(standin) as workspace:
        workspace.batches.finish(now=workspace.now())
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_import_that_ends_after_the_forget_quarantines_nothing(
    ids: list[str], standin: StandIn, home: Path, tmp_path: Path
) -> None:
    with workspace_of(standin) as workspace, (tmp_path / "rows").open("w+", encoding="utf-8") as rows:
        rows.write('{"ts": "no time at all"}\n')
        workspace.forget(ids[0])
        assert workspace.quarantine_file(ids[0], rows) is None
        assert workspace.quarantine_file(ids[1], rows) is not None
    assert [path.name.partition("-")[0] for path in (home / "quarantine").glob("*.ndjson")] == [ids[1]]


def test_files_that_are_published_late_are_replaced_by_the_next_run(ids: list[str], standin: StandIn) -> None:
    """PostgreSQL ended the session of their writer after every check and before the files were there."""
    with workspace_of(standin) as workspace:
        rows = workspace.lake.read(workspace.lake.paths("listens")[0])[1]
        assert {ids[0], ids[1]} <= set(rows["user_id"].to_pylist())
        workspace.forget(ids[0])
        kept = contents(workspace)
        now = workspace.now()
        late = [workspace.lake.write(LISTENS, rows, created_at=now - timedelta(days=days)) for days in (0, 400)]
        assert all(ids[0] in workspace.lake.people(file.path) for file in late)
    said = " ".join(_moodlog("verify").output.split())
    assert [said.count(file.path) for file in late] == [1, 1], said
    assert "no run or rebuild loads those rows" in said
    assert "moodlog compact" in said
    assert "moodlog run" not in said
    with workspace_of(standin) as workspace:
        workspace.batches.finish(now=workspace.now())
        assert all(ids[0] not in workspace.lake.people(path) for path in workspace.lake.paths("listens"))
        assert contents(workspace) == kept
    assert _moodlog("verify").exit_code == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("replaced_by_a_file", [True, False])
def test_a_file_that_was_put_back_goes_as_verify_says(
    ids: list[str], standin: StandIn, replaced_by_a_file: bool
) -> None:
    with workspace_of(standin) as workspace:
        root = Path(workspace.lake.root)
        if not replaced_by_a_file:
            workspace.forget(ids[1])
            workspace.forget(ids[2])
        old = {path: (root / path).read_bytes() for path in workspace.lake.paths("listens")}
        workspace.forget(ids[0])
        kept = contents(workspace)
    for path, content in old.items():
        (root / path).write_bytes(content)
    done = _moodlog("compact")
    assert done.exit_code == 0
    what = "1 replaced file removed" if replaced_by_a_file else "forgotten people were removed from 1 file"
    assert what in done.stdout
    with workspace_of(standin) as workspace:
        assert [path for path in workspace.lake.paths("listens") if ids[0] in workspace.lake.people(path)] == []
        assert workspace.lake.superseded("listens") == []
        assert contents(workspace) == kept
    assert _moodlog("verify").exit_code == 0

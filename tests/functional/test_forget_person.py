"""``moodlog forget``: nothing of the person stays, nothing of the others goes, wherever it is killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.bootstrap import Workspace
from mood_core.lake import Lake
from mood_core.pipeline import forget_person as module
from mood_core.pipeline.pull_listens import PullListens
from mood_core.standin import StandIn
from mood_core.store.claims import new_owner
from tests.nights import connect_listeners, contents, settings_for, workspace_of


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ids(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        pull(ids, now=workspace.now())
    return ids


def _moodlog(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=answer)


def _of_others(workspace: Workspace, user_id: str) -> dict[str, list[tuple[object, ...]]]:
    return {name: [row for row in rows if user_id not in row] for name, rows in contents(workspace).items()}


def _files_with(lake: Lake, user_id: str) -> list[str]:
    return [
        path
        for dataset in module.PERSONAL
        for path in (*lake.paths(dataset.name), *lake.superseded(dataset.name))
        if user_id in lake.read(path)[1]["user_id"].to_pylist()
    ]


def _assert_forgotten(standin: StandIn, user_id: str, others: dict[str, list[tuple[object, ...]]]) -> None:
    with workspace_of(standin) as workspace:
        assert workspace.batches.finish(now=workspace.now()) == 0
        assert contents(workspace) == others
        assert _files_with(workspace.lake, user_id) == []
        with workspace.database.read() as connection:
            for table in ("accounts", "mood_days"):
                orphans = f"SELECT count(*) FROM {table} WHERE user_key NOT IN (SELECT user_key FROM users)"  # noqa: S608
                assert connection.scalar(text(orphans)) == 0
    assert _moodlog("verify").exit_code == 0


def test_a_person_is_gone_and_the_others_are_whole(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        assert _files_with(workspace.lake, ids[0])
        others = _of_others(workspace, ids[0])
    done = _moodlog("forget", "--user", ids[0], "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["listens"] > 0
    _assert_forgotten(standin, ids[0], others)


def test_nothing_happens_without_a_yes(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        before = contents(workspace)
    assert _moodlog("forget", "--user", ids[0], answer="n\n").exit_code == 1
    with workspace_of(standin) as workspace:
        assert contents(workspace) == before
        assert workspace.tokens.read(ids[0]) is not None


def test_an_account_that_is_being_pulled_is_not_touched(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        workspace.accounts.claim([ids[0]], new_owner(), now=workspace.now(), for_s=10**9)
    assert _moodlog("forget", "--user", ids[0], "--yes").exit_code != 0
    with workspace_of(standin) as workspace:
        assert workspace.tokens.read(ids[0]) is not None


@pytest.mark.parametrize("door", ["load_batch", "remove", "_check"])
@pytest.mark.parametrize("nth", [1, 2])
def test_killed_anywhere_it_completes(
    ids: list[str], standin: StandIn, monkeypatch: pytest.MonkeyPatch, door: str, nth: int
) -> None:
    with workspace_of(standin) as workspace:
        others = _of_others(workspace, ids[0])
    real, calls = getattr(module, door), 0

    def killing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise Killed
        return real(*arguments, **named)

    with workspace_of(standin) as workspace, monkeypatch.context() as patch:
        patch.setattr(module, door, killing)
        try:
            module.forget_person(ids[0], workspace.lake, workspace.database, owner=new_owner(), now=workspace.now())
        except Killed:
            with workspace.database.write() as connection:  # the lease of a process that has ended is nobody's
                connection.execute(text("UPDATE accounts SET claimed_by = NULL"))
            assert _moodlog("forget", "--user", ids[0], "--yes").exit_code == 0
    _assert_forgotten(standin, ids[0], others)

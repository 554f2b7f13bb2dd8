"""``moodlog forget`` with a lake on S3: few requests, several at a time, and an interrupted one continues."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.lake.schema import LISTENS, PERSONAL, TRACKS, USERS
from mood_core.usecases.people.remove_everywhere import RemoveEverywhere
from mood_core.usecases.remove_rows import replace_by
from tests.flows.cluster import s3_running
from tests.store_data import NOW, listens, tracks, users

FILES = 24
_REQUEST = re.compile(r'"(?:\x1b\[[0-9;]*m)*(\w+) /lake(\S*) HTTP')


class _Requests(logging.Handler):
    """The requests of the S3 server, from its log."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the method and the path."""
        if found := _REQUEST.search(record.getMessage()):
            self.seen.append((found[1], found[2]))


@contextmanager
def _requests() -> Iterator[list[tuple[str, str]]]:
    handler, log = _Requests(), logging.getLogger("werkzeug")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield handler.seen
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@pytest.fixture
def lake_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two people in every second file, and others in the rest, over eight months."""
    with s3_running() as s3:
        for name, value in (s3 | {"MOODLOG_HOME": str(home)}).items():
            monkeypatch.setenv(name, value)
        with Workspace() as workspace:
            start = NOW - timedelta(days=240)
            workspace.batches.add(USERS, users(*((name, "UTC") for name in ("ada", "bob", "eve"))), now=start)
            workspace.batches.add(TRACKS, tracks("t"), now=start)
            for number in range(FILES):
                at = start + timedelta(days=10 * number)
                people = ["ada", "bob"] if number % 2 else ["eve"]
                rows = listens((person, at + timedelta(minutes=play), "t") for person in people for play in range(9))
                workspace.batches.add(LISTENS, rows, now=at, created_at=at)
            yield workspace.lake.paths(LISTENS.name)


def _forget(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["forget", "--user", "ada", "--yes", *arguments])
    assert done.exit_code == 0, done.output
    return done.stderr


def test_a_file_is_read_once_and_one_with_the_person_twice(lake_files: list[str]) -> None:
    with _requests() as seen:
        _forget()
    reads = Counter(
        path.removeprefix("/moods/") for method, path in seen if method == "GET" and "list-type" not in path
    )
    assert {path: reads[path] for path in lake_files} == {path: 1 + n % 2 for n, path in enumerate(lake_files)}
    rewritten = [path for path in reads if path.startswith("listens/") and path not in lake_files]
    assert [reads[path] for path in rewritten] == [1] * (FILES // 2)
    assert sum("list-type" in path for _, path in seen) < 9 * 14, "of fourteen datasets"
    assert Counter(method for method, path in seen if path.endswith(".parquet"))["POST"] == 0, "no upload in parts"
    with Workspace() as workspace:
        left = {path for dataset in PERSONAL for path in workspace.lake.paths(dataset.name)}
        assert all("ada" not in workspace.lake.people(path) for path in left)
        assert sum(workspace.lake.read(path)[1].num_rows for path in workspace.lake.paths(LISTENS.name)) == 9 * FILES


def test_an_interruption_before_the_first_change_changes_nothing(
    lake_files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RemoveEverywhere, "search", interrupted)
        stopped = CliRunner().invoke(main, ["forget", "--user", "ada", "--yes"])
    assert "Nothing was changed." in stopped.stderr
    with Workspace() as workspace:
        assert workspace.lake.paths(LISTENS.name) == lake_files
        assert workspace.accounts.all(["ada"])[0].state_reason is None


def test_an_interrupted_forget_continues_with_the_files_that_are_left(
    lake_files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def interrupted(*arguments: Any, **named: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == FILES // 3:
            raise KeyboardInterrupt
        return replace_by(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr("mood_core.usecases.people.remove_everywhere.replace_by", interrupted)
        stopped = CliRunner().invoke(main, ["forget", "--user", "ada", "--yes"])
        assert stopped.exit_code == 1
        assert "`moodlog forget --user ada`" in stopped.stderr
    listed = CliRunner().invoke(main, ["users", "list"])
    assert "being forgotten" in listed.stdout
    with _requests() as seen:
        said = _forget()
    left = FILES // 2 + 1 - (calls - 1)  # with the file of names
    assert f"{left} files rewritten" in said
    assert sum(method == "PUT" and path.endswith(".parquet") for method, path in seen) == left
    assert "ada" not in CliRunner().invoke(main, ["users", "list"]).stdout
    assert len(lake_files) == FILES

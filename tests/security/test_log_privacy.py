"""Logs know people by their id: no name, no title, no artist, also at the most verbose level."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.errors import InputError, StoreError
from mood_core.store import Database
from mood_core.usecases.people.manage_users import change_user
from standin import StandIn
from standin.faults import Fault, FaultKind
from tests.nights import connect_listeners, one_night, point_at, workspace_of

_PERSONAL = (
    "SELECT display_name FROM users UNION SELECT name FROM tracks UNION SELECT artists FROM tracks"
    " UNION SELECT coalesce(album, '') FROM tracks"
)


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))  # with the traceback, where there is one


@pytest.fixture
def logs() -> Iterator[list[str]]:
    """Everything that moodlog and what it uses log at DEBUG, but for SQLAlchemy's echo of rows."""
    keeper, root = _Keeper(), logging.getLogger()
    level, engine = root.level, logging.getLogger("sqlalchemy.engine")
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    engine.setLevel(logging.INFO)  # statements, with their parameters unless those are hidden
    yield keeper.kept
    root.removeHandler(keeper)
    root.setLevel(level)
    engine.setLevel(logging.NOTSET)


def _personal(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        words = {row[0] for row in connection.execute(_PERSONAL)}
    return {word for word in words if len(word) > 5}


def test_a_night_with_trouble_names_nobody_in_its_logs(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, logs: list[str]
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        standin.clock.advance(timedelta(hours=26))
        standin.faults.add(
            Fault(FaultKind.MALFORMED_JSON, endpoint="recently_played", times=1),
            Fault(FaultKind.WRONG_SHAPE, endpoint="recently_played", times=1),
            Fault(FaultKind.WRONG_SHAPE, endpoint="reccobeats_audio_features", times=2),
        )
        one_night(workspace)
        with pytest.raises(InputError):
            change_user(workspace.accounts.all()[0], workspace.batches, now=workspace.now(), timezone="Mars/Olympus")
    personal = _personal(home / "moodlog.db")
    assert len(personal) > 50
    reported = "\n".join(logs)
    assert "mood_core" in reported
    assert "INSERT INTO" in reported
    assert [word for word in personal if word in reported] == []


_INSERT = text(
    "INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)"
    " VALUES (:id, :name, :zone, 0, 0)"
)


def test_a_refused_statement_does_not_show_its_values(migrated: Database) -> None:
    def write() -> None:
        with migrated.write() as connection:
            connection.execute(_INSERT, {"id": "u", "name": "planted-name", "zone": None})

    with pytest.raises(StoreError, match="refused the data") as refused:
        write()
    assert "planted-name" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.slow
@pytest.mark.prefect
def test_prefect_keeps_no_names_in_its_logs(tmp_path: Path) -> None:
    options = ["--days", "2", "--listeners", "2", "--home", str(tmp_path)]
    command = [sys.executable, "-m", "flows.cli", "-vv", "demo", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    personal = _personal(tmp_path / "moodlog.db")
    with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as connection:
        kept = [row[0] for row in connection.execute("SELECT message FROM log")]
    assert len(kept) > 10
    log = "\n".join([*kept, (tmp_path / "prefect" / "server.log").read_text(encoding="utf-8"), done.stderr])
    assert [word for word in personal if word in log] == []

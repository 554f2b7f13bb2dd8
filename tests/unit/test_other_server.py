"""What `moodlog forget` says of places that it does not change: another Prefect server, the output of `serve`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.check_schedule import other_server_keeps
from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS

ADDRESS = "https://ada:hunter2@prefect.example:4200/api"


@pytest.fixture(autouse=True)
def _prefect_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with Workspace() as workspace:
        now = workspace.now()
        rows = users_table([User("31abc", "Ada", "UTC", now)], recorded_at=now)
        workspace.batches.add(USERS, rows, now=now)


def _forget() -> str:
    done = CliRunner().invoke(main, ["forget", "--user", "ada", "--yes"])
    assert done.exit_code == 0, done.stderr
    return " ".join(done.stderr.split())


def test_without_another_server_nothing_is_said_of_one(home: Path) -> None:
    assert other_server_keeps(home) is None
    said = _forget()
    assert "Prefect server" not in said
    assert "moodlog serve" not in said


def test_another_server_is_named_without_its_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", ADDRESS)
    said = _forget()
    assert "The Prefect server at https://prefect.example:4200 is not moodlog's own" in said
    assert "Delete those runs in Prefect's pages" in said
    assert "hunter2" not in said


def test_a_server_of_the_active_profile_counts_too(home: Path) -> None:
    profiles = 'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://10.0.0.7:4200/api"\n'
    (home / "prefect").mkdir(mode=0o700)
    (home / "prefect" / "profiles.toml").write_text(profiles, encoding="utf-8")
    (home / "prefect" / "profiles.toml").chmod(0o600)
    assert "http://10.0.0.7:4200 is not moodlog's own" in _forget()


def test_the_output_of_serve_is_named_where_it_was_started(home: Path) -> None:
    (home / "prefect").mkdir(mode=0o700)
    (home / "prefect" / "serve.lock").touch(mode=0o600)
    assert "journal" in _forget()

"""Which Prefect server a command may use, where the environment names one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MOODLOG = [sys.executable, "-m", "flows.cli"]


def _run(home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PREFECT_HOME": str(home / "no-profile"), **settings}
    return subprocess.run(
        [*MOODLOG, *command], env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.parametrize("name", ["PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL"])
def test_moodlogs_own_server_stays_out_of_the_database_of_another(home: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "other.db"
    done = _run(home, "serve", "--port", "1", **{name: f"sqlite+aiosqlite:///{other}"})
    assert (done.returncode, name in done.stderr, "PREFECT_API_URL" in done.stderr) == (78, True, True), done.stderr
    assert not other.exists()


@pytest.mark.prefect
def test_a_server_that_is_away_is_said_to_be_in_one_sentence(home: Path) -> None:
    done = _run(home, "setup", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (done.returncode, "PREFECT_API_URL" in done.stderr) == (75, True), done.stderr
    assert "Traceback" not in done.stderr

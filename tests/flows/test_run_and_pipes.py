"""``moodlog run`` with a named pipe in the place of a file ends by itself: nobody waits for a writer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from tests.store_data import NOW, listens, tracks, users


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.skipif(os.name == "nt", reason="named pipes are no files there")
def test_a_run_with_a_pipe_as_catalogue_ends(home: Path, tmp_path: Path) -> None:
    with Workspace() as workspace:  # a listen whose track has no features: the run looks into the catalogue
        for dataset, rows in (
            (TRACKS, tracks("4uLU6hMCjMI75M1A2tKUQC")),
            (USERS, users(("ada", "UTC"))),
            (LISTENS, listens([("ada", NOW, "4uLU6hMCjMI75M1A2tKUQC")])),
        ):
            workspace.batches.add(dataset, rows, now=NOW)
    os.mkfifo(tmp_path / "features.csv")
    environment = os.environ | {
        "MOODLOG_CATALOG": str(tmp_path / "features.csv"),
        "MOODLOG_FEATURE_SOURCES": "catalog",
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    command = [sys.executable, "-m", "flows.cli", "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert "a named pipe" in done.stdout + done.stderr

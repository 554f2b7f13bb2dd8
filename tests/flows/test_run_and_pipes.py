"""``moodlog run`` with a named pipe in the place of a file ends by itself: nobody waits for a writer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.skipif(os.name == "nt", reason="named pipes are no files there")
def test_a_run_with_a_pipe_as_catalogue_ends(home: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "features.csv")
    environment = os.environ | {
        "MOODLOG_CATALOG": str(tmp_path / "features.csv"),
        "MOODLOG_FEATURE_SOURCES": "catalog",
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    command = [sys.executable, "-m", "flows.cli", "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode != 0, done.stderr
    assert "a named pipe" in done.stdout + done.stderr

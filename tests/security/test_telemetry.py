"""Nobody hears that moodlog runs: Prefect's telemetry is off where moodlog starts Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ASK = """
from prefect._internal.analytics.enabled import is_telemetry_enabled
from prefect.settings import get_current_settings
print(is_telemetry_enabled(), get_current_settings().server.analytics_enabled)
"""
_START = """
import sys
from pathlib import Path
from flows.server.runtime import prefect_runtime
with prefect_runtime(Path(sys.argv[1])):
    exec(sys.argv[2])
"""


@pytest.mark.slow
def test_prefect_tells_nobody(tmp_path: Path) -> None:
    switches = ("CI", "DO_NOT_TRACK", "GITHUB_ACTIONS", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_API_URL")
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    environment["PREFECT_HOME"] = str(tmp_path / "nobody")
    command = [sys.executable, "-c", _START, str(tmp_path), _ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    assert done.stdout.split() == ["False", "False"]

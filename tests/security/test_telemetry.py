"""Nothing leaves the machine unasked: moodlog's processes connect to it alone, and Prefect's telemetry is off."""

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
def test_prefect_sends_no_telemetry(tmp_path: Path) -> None:
    switches = ("CI", "DO_NOT_TRACK", "GITHUB_ACTIONS", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_API_URL")
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    environment["PREFECT_HOME"] = str(tmp_path / "nobody")
    command = [sys.executable, "-c", _START, str(tmp_path), _ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600, env=environment)
    assert done.stdout.split() == ["False", "False"]


_HOOK = """
import os, sys
def _note(event, host):
    with open(os.environ["TEST_ADDRESSES"], "a") as file:
        file.write(f"{os.getpid()} {event} {host!r}\\n")
def _hook(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
        _note(event, address[0] if isinstance(address, tuple) else address)
_note("begins", None)
sys.addaudithook(_hook)
"""
"""Is imported by every Python process as ``sitecustomize``."""

_HERE = {"'127.0.0.1'", "b'127.0.0.1'", "'::1'", "'localhost'", "None", "''"}


@pytest.mark.slow
def test_the_demo_and_its_processes_connect_only_to_this_machine(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_HOOK, encoding="utf-8")
    addresses = tmp_path / "addresses"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MOODLOG_"))}
    environment |= {"PYTHONPATH": str(tmp_path), "TEST_ADDRESSES": str(addresses)}
    command = [sys.executable, "-m", "flows.cli", "demo", "--days", "2", "--home", str(tmp_path / "home")]
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=600, env=environment, cwd=tmp_path)
    lines = [line.split(" ", 2) for line in addresses.read_text(encoding="utf-8").splitlines()]
    assert len({process for process, _, _ in lines}) > 1  # Prefect's server as well
    unix_sockets = str(tmp_path)
    assert [line for line in lines if line[2] not in _HERE and unix_sockets not in line[2]] == []

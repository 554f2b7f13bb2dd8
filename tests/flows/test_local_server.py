"""The local Prefect server: found where it runs, gone when its owner is."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from flows.local_server import local_server

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(120)]

_OWNER = """
import sys, time
from pathlib import Path
from flows.local_server import local_server
with local_server(Path(sys.argv[1])) as server:
    print(server._process.pid, flush=True)
    time.sleep(600)
"""


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("after_s", [0.0, 6.0])
def test_a_server_ends_when_its_owner_is_killed(tmp_path: Path, after_s: float) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path / "prefect")], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    time.sleep(after_s)
    assert _is_running(server)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 30
    while _is_running(server):
        assert time.monotonic() < deadline, "the server outlives its owner"
        time.sleep(0.2)


def test_its_pages_ask_the_server_they_came_from(tmp_path: Path) -> None:
    with local_server(tmp_path / "prefect") as server:
        server.wait_until_ready()
        assert httpx.get(f"{server.ui_url}/ui-settings", timeout=30).json()["api_url"] == server.api_url

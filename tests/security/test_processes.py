"""Secrets stay inside moodlog's processes: they are in no command line and in no core dump."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.spotify.tokens import TokenCipher
from standin import StandIn
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")

_DUMPS = """
import resource
from mood_core.app.workspace import Workspace
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
with Workspace() as workspace:
    workspace.cipher
print(resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_a_process_that_holds_tokens_leaves_no_core_dump(home: Path) -> None:
    del home
    done = subprocess.run([sys.executable, "-c", _DUMPS], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "0"


def _command_lines(ancestor: int) -> dict[int, str]:
    """By process id, the command lines of ``ancestor`` and of all that descend from it."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: lines[pid] for pid in found if pid in lines}


@pytest.mark.slow
@pytest.mark.prefect
def test_no_command_line_shows_a_secret_while_a_run_works(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    key, secret = TokenCipher.generate_key(), "a-secret-of-the-app"
    monkeypatch.setenv("MOODLOG_TOKEN_KEY", key)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_SECRET", secret)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    program = Path(sys.executable).with_name("moodlog")
    seen: dict[int, str] = {}
    log = home.parent / "log"
    with log.open("wb") as output, subprocess.Popen([program, "run"], stdout=output, stderr=output) as run:
        while run.poll() is None:
            seen |= _command_lines(run.pid)
    assert len(seen) > 1, log.read_text()
    text = "\n".join(seen.values())
    hidden = [key, secret, *os.environ.get("PGPASSWORD", "").split()]
    hidden += [
        path.read_text().strip()
        for path in home.rglob("*")
        if path.is_file() and path.stat().st_size < 200 and "password" in path.name
    ]
    assert [value for value in hidden if value and value in text] == []

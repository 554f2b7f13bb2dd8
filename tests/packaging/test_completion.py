"""The lines of README that switch completion on, read by real shells at their start."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

_README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
_LINES = {
    file: line for line, file in re.findall(r"^(.*_MOODLOG_COMPLETE=.*?) +# \w+: ~/(\S+)$", _README, re.MULTILINE)
}


@pytest.mark.parametrize(
    ("shell", "start"),
    [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", ".config/fish/config.fish")],
    ids=["bash", "zsh", "fish"],
)
def test_a_new_shell_completes_commands(shell: str, start: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / start).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / start).write_text(f"{_LINES[start]}\necho its start is read\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"HOME": str(tmp_path), "PATH": path, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", program, "-i"]
    with subprocess.Popen(
        terminal, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment, cwd=tmp_path
    ) as running:
        try:
            assert "not found" not in _read(running, "its start is read")
            assert running.stdin
            running.stdin.write(b"moodlog statu\t")
            _read(running, "moodlog status")
        finally:
            running.kill()


def _read(running: subprocess.Popen[bytes], wanted: str) -> str:
    """Read what a shell shows until ``wanted`` is in it; escape sequences are left out."""
    shown, end = "", time.monotonic() + 60
    while wanted not in (plain := re.sub(r"\x1b\[[\d;?]*[A-Za-z]|\x1b\([AB0]|.\x08", "", shown)):
        assert time.monotonic() < end, plain
        assert running.stdout
        if select.select([running.stdout], [], [], 1)[0]:
            shown += os.read(running.stdout.fileno(), 65536).decode(errors="replace")
    return plain

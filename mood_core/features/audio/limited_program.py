"""Runs a program of the person without a shell, with limits for time, memory and output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO

from mood_core.features.audio.analyser import AnalysisFailed

_POLL_S = 0.05
_MOST_COMPLAINT = 300
_GIB = 2**30

# Sets the limits in the new process, removes moodlog's settings, some of which are secret, and becomes the program.
# A function that runs between fork and exec could deadlock.
_LAUNCHER = (
    "import os, resource, sys; limit = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)); "
    "resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
    "[os.environ.pop(name) for name in list(os.environ) if name.startswith(('MOODLOG_', 'SPOTIPY_'))]; "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run: seconds, bytes of memory and bytes of output."""

    time_s: float = 300.0
    memory_bytes: int = 4 * _GIB
    output_bytes: int = 1 << 20


class _Reader(Thread):
    """Reads a pipe up to ``most`` bytes and drops the rest."""

    def __init__(self, pipe: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self._pipe, self._most = pipe, most
        self.data, self.is_too_long = b"", False
        self.start()

    def run(self) -> None:
        with suppress(OSError, ValueError):
            self.data = self._pipe.read(self._most)
            while self._pipe.read(1 << 16):
                self.is_too_long = True


def run_limited(arguments: Sequence[str], limits: Limits) -> bytes:
    """The standard output of the program ``arguments``. Its whole process group is killed at the end.

    Raises:
        AnalysisFailed: it failed, or exceeded a limit.
    """
    command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(limits.memory_bytes), *arguments]
    process = subprocess.Popen(  # noqa: S603 - a program that the person has set, without a shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    if process.stdout is None or process.stderr is None:
        raise AnalysisFailed("the program has no output")
    output, complaint = _Reader(process.stdout, limits.output_bytes), _Reader(process.stderr, _MOST_COMPLAINT)
    try:
        in_time = _wait(process.pid, output, time.monotonic() + limits.time_s)
    finally:
        # Before the process is reaped, so that the number of its group is still its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        for reader in (output, complaint):
            reader.join(timeout=5)
        process.stdout.close()
        process.stderr.close()
    if output.is_too_long:
        raise AnalysisFailed(f"the program wrote more than {limits.output_bytes} bytes")
    if not in_time:
        raise AnalysisFailed(f"the program took more than {limits.time_s:g} s")
    if status != 0:
        raise AnalysisFailed(f"the program failed ({status}): {_last_line(complaint.data)}")
    return output.data


def _wait(pid: int, output: _Reader, deadline: float) -> bool:
    """Whether the process ended before ``deadline``, or its output was too long. It is not reaped."""
    while time.monotonic() < deadline:
        if output.is_too_long or os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        time.sleep(_POLL_S)
    return False


def _last_line(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it wrote no reason"

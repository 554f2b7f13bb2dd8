"""Lock files that a process holds while it lives, to distinguish dead processes from living ones.

The operating system releases such a lock when its process ends, even after a crash. Process ids can be reused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mood_core.files.private import NO_FOLLOW

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FAR = 2**30  # Windows locks bytes: one after the content, so that others can read the content
_TRIES = 20
_TRY_S = 0.05


class ProcessLock:
    """An exclusive lock on the file ``path``; the file names its holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, content: dict[str, Any]) -> bool:
        """Acquire the lock and write ``content``; False if another process holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
        for _ in range(_TRIES):  # `holder` in another process holds the lock for a moment
            if _lock(handle):
                self._handle = handle
                self._write(handle, content)
                return True
            time.sleep(_TRY_S)
        os.close(handle)
        return False

    def _write(self, handle: int, content: dict[str, Any]) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(content).encode())

    @property
    def handles(self) -> tuple[int, ...]:
        """The open file, for ``pass_fds`` of a process that takes over the lock; empty on Windows."""
        return () if self._handle is None or sys.platform == "win32" else (self._handle,)

    def hand_over(self, content: dict[str, Any]) -> None:
        """Hand the lock over to the process that got ``handles``; on Windows this process keeps it."""
        if self._handle is not None:
            self._write(self._handle, content)
        if sys.platform != "win32":
            self.close()

    def close(self) -> None:
        """Release the lock; the file stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holder(path: Path) -> dict[str, Any] | None:
    """The content that the holder of the lock ``path`` wrote; None if no process holds it."""
    try:
        handle = os.open(path, os.O_RDWR | NO_FOLLOW)
    except OSError:
        return None
    try:
        if _lock(handle):
            return None
        with contextlib.suppress(OSError, ValueError, RecursionError):
            content = json.loads(path.read_text(encoding="utf-8"))
            return content if isinstance(content, dict) else {}
        return {}
    finally:
        os.close(handle)


def kill(process: int) -> None:
    """Kill the process with this id, unless it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Other errors come from file systems without locks. There, only the user can avoid two processes for one home.
        return error.errno not in {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
    return True

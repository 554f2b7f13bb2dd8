"""Lock files that are held for as long as a process lives: they tell a dead process from a living one for certain.

The operating system releases such a lock when its process ends, however it ends; process ids alone can be reused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mood_core.files.private import NO_FOLLOW

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FAR = 2**30  # Windows locks bytes: one far behind the content, so that others can read it
_TRIES = 20
_TRY_S = 0.05


class ProcessLock:
    """The lock of the file ``path``, for one process at a time; the file says who holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, content: dict[str, Any]) -> bool:
        """Take the lock and write ``content``; False where another process holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o600)
        for _ in range(_TRIES):  # a process that only looks whether the lock is held has it for a moment
            if _lock(handle):
                self._handle = handle
                self.write(content)
                return True
            time.sleep(_TRY_S)
        os.close(handle)
        return False

    def write(self, content: dict[str, Any]) -> None:
        """Replace what the file says of its holder, who must be this process.

        Raises:
            ValueError: This process does not hold the lock.
        """
        if self._handle is None:
            raise ValueError(f"{self._path} is not held")
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, json.dumps(content).encode())

    @property
    def handles(self) -> tuple[int, ...]:
        """The open file, for ``pass_fds`` of a process that shall hold the lock; none on Windows."""
        return () if self._handle is None or sys.platform == "win32" else (self._handle,)

    def hand_over(self, content: dict[str, Any]) -> None:
        """Leave the lock to the process that was given ``handles``; on Windows this process keeps it."""
        self.write(content)
        if sys.platform != "win32":
            self.close()

    def close(self) -> None:
        """Let the next process have the lock; the file stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holder(path: Path) -> dict[str, Any] | None:
    """What the living process that holds the lock ``path`` wrote; None where no process holds it."""
    try:
        handle = os.open(path, os.O_RDWR | NO_FOLLOW)
    except OSError:
        return None
    try:
        if _lock(handle):
            return None
        return read_content(path) or {}
    finally:
        os.close(handle)


def read_content(path: Path) -> dict[str, Any] | None:
    """What the last process that held ``path`` wrote; None where nothing can be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else None
    return None


def _lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Any other error is of a file system without locks, where the processes of one home must be told apart by hand.
        return error.errno not in {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
    return True

"""A disk so small that it is soon full: a tmpfs, where this machine lets one be mounted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PAGE = 4096
_ENOUGH = "64m"


class SmallDisk:
    """A tmpfs at ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def leave(self, room: int) -> None:
        """Make it so small that ``room`` more bytes fit."""
        usage = shutil.disk_usage(self.root)
        self._resize(str((usage.used + room) // _PAGE * _PAGE))

    def grow(self) -> None:
        """Give it more room than anything here needs."""
        self._resize(_ENOUGH)

    def _resize(self, size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.root], check=True)


@contextmanager
def small_disk(root: Path) -> Iterator[SmallDisk]:
    """A tmpfs at ``root``, which is made; skips where none can be mounted."""
    if shutil.which("mount") is None:
        pytest.skip("a small disk needs a tmpfs, and this system mounts none")
    root.mkdir()
    try:
        mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={_ENOUGH},mode=0700", "moodlog-tests", root]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk needs a tmpfs, and none may be mounted here: {done.stderr.strip()}")
        try:
            yield SmallDisk(root)
        finally:
            subprocess.run(["umount", "-l", root], check=True)
    finally:
        root.rmdir()

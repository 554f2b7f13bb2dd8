"""Files and folders that only their owner can read, whatever the umask: they hold people's listens, names and keys."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

from mood_core.files.atomic import NO_HARD_LINKS, sweep_temporary, temporary_path

_FOLDER, _FILE = 0o700, 0o600
_LONGEST_STEM = 120
_PR_SET_DUMPABLE = 4  # of <linux/prctl.h>

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""A flag for ``os.open``: fail where the name is a symbolic link, which somebody else may have placed there."""


def file_stem(identifier: str) -> str:
    """``identifier`` as the stem of a file's name that stays in its folder: what may not stand there is written out."""
    stem = quote(identifier, safe="")
    if len(stem) > _LONGEST_STEM:
        stem = f"{stem[:_LONGEST_STEM]}-{sha256(identifier.encode()).hexdigest()[:12]}"
    return stem


def make_private_folder(folder: Path) -> list[Path]:
    """Make ``folder`` and its missing parents, mode 0700; returns those made, the innermost first. Others stay.

    Raises:
        OSError: one cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_FOLDER, exist_ok=True)
    if not missing and not folder.is_dir():
        raise NotADirectoryError(20, "it is no folder", str(folder))
    return missing


def open_private(path: Path, *, new: bool = False) -> IO[bytes]:
    """Open ``path`` for writing from its start; where it is not there yet, with mode 0600. ``new``: it must not be.

    Raises:
        OSError: it cannot be opened, is a symbolic link, or is there though it must not.
    """
    flags = os.O_WRONLY | os.O_CREAT | NO_FOLLOW | getattr(os, "O_BINARY", 0) | (os.O_EXCL if new else os.O_TRUNC)
    return os.fdopen(_open_regular(path, flags), "wb")


def append_private(path: Path) -> IO[bytes]:
    """Open ``path`` for writing at its end; where it is not there yet, with mode 0600.

    Raises:
        OSError: it cannot be opened or is a symbolic link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW | getattr(os, "O_BINARY", 0)
    return os.fdopen(_open_regular(path, flags), "ab")


def _open_regular(path: Path, flags: int) -> int:
    # Without waiting: a named pipe that nobody reads from fails at once, any other is refused.
    opened = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), _FILE)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return opened


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` into the private file ``path``.

    Raises:
        OSError: it cannot be written.
    """
    with open_private(path) as file:
        file.write(content)


def make_private_file(path: Path) -> None:
    """Make an empty private file at ``path`` unless there is one, without ever opening that.

    For SQLite: closing a file that another connection of this process holds would drop its locks.

    Raises:
        OSError: it cannot be made.
    """
    sweep_temporary(path)
    if path.exists():
        return
    fresh = temporary_path(path)
    write_private(fresh, b"")
    try:
        with contextlib.suppress(FileExistsError):
            _link_empty(fresh, path)
    finally:
        fresh.unlink()


def _link_empty(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        open_private(path, new=True).close()


def no_core_dumps() -> None:
    """Keep the memory of this process, which holds secrets, out of core dumps.

    The limit also holds for children and for macOS. Linux ignores it where core dumps go to a program, as systemd and
    Ubuntu set it up; a process that is not dumpable leaves none at all, and other processes of this user, root's apart,
    can read neither its memory nor its environment.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # a C library without prctl
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

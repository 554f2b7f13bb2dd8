"""Files and folders that only their owner can read, independent of the umask, for listens, names and keys."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

from mood_core.files.atomic import NO_HARD_LINKS, sweep_temporary, temporary_path

_FOLDER, _FILE = 0o700, 0o600
_LONGEST_STEM = 120
_PR_SET_DUMPABLE = 4  # of <linux/prctl.h>

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""A flag for ``os.open``: fail for a symbolic link, which another user may have created."""


def file_stem(identifier: str) -> str:
    """``identifier`` as a safe file name stem: special characters are percent-encoded."""
    stem = quote(identifier, safe="")
    if len(stem) > _LONGEST_STEM:
        stem = f"{stem[:_LONGEST_STEM]}-{sha256(identifier.encode()).hexdigest()[:12]}"
    return stem


def make_private_folder(folder: Path) -> list[Path]:
    """Create ``folder`` and its missing parents with mode 0700; returns the created folders, innermost first.

    Raises:
        OSError: a folder cannot be created.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_FOLDER, exist_ok=True)
    if not missing and not folder.is_dir():
        raise NotADirectoryError(20, "it is not a folder", str(folder))
    return missing


def open_private(path: Path, *, new: bool = False) -> IO[bytes]:
    """Open ``path`` for writing and truncate it; a new file has mode 0600. ``new``: it must not exist.

    Raises:
        OSError: it cannot be opened, is a symbolic link, or exists although ``new``.
    """
    flags = os.O_WRONLY | os.O_CREAT | NO_FOLLOW | getattr(os, "O_BINARY", 0) | (os.O_EXCL if new else os.O_TRUNC)
    return os.fdopen(_open_regular(path, flags), "wb")


def append_private(path: Path) -> IO[bytes]:
    """Open ``path`` for appending; a new file has mode 0600.

    Raises:
        OSError: it cannot be opened or is a symbolic link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_FOLLOW | getattr(os, "O_BINARY", 0)
    return os.fdopen(_open_regular(path, flags), "ab")


def _open_regular(path: Path, flags: int) -> int:
    # Non-blocking: a named pipe without a reader fails at once, other pipes are refused.
    opened = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), _FILE)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return opened


@contextlib.contextmanager
def replacing_private(path: Path) -> Iterator[IO[bytes]]:
    """Write a private file that gets the name ``path`` when it is whole; on any error an earlier file stays.

    Raises:
        OSError: it cannot be written, or ``path`` is not a regular file.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    sweep_temporary(path)
    fresh = temporary_path(path)
    try:
        with open_private(fresh, new=True) as file:
            yield file
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes) -> None:
    """Write ``content`` to the private file ``path``. Raises like :func:`replacing_private`."""
    with replacing_private(path) as file:
        file.write(content)


def make_private_file(path: Path) -> None:
    """Create an empty private file at ``path`` unless it exists; an existing file is not opened.

    For SQLite: closing a file that another connection of this process uses would drop its locks.

    Raises:
        OSError: it cannot be created.
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
    """Disable core dumps of this process, whose memory contains secrets.

    The limit also applies to child processes and to macOS. Linux ignores it if core dumps are piped to a program, as
    with systemd and on Ubuntu. A process that is not dumpable leaves no core dump, and other processes of this user
    except root's cannot read its memory or environment.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # a C library without prctl
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

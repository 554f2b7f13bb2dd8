"""Opens files from outside: only regular files, and only up to a size limit.

Opening a named pipe can block forever; a sparse file or a small archive can unpack to more than the memory; a folder
can contain a link to itself. So every file from a person, a service or another program is opened here.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mood_core.errors import ConfigError, InputError, MoodlogError

MOST_FILES = 100_000
"""Limit of files and folders in a walk."""

DEEPEST = 16
"""Limit of nested folders in a walk."""

MOST_RATIO = 200
"""Limit of unpacked bytes per packed byte. Tables and JSON of tracks stay below 40."""

SMALL_BYTES = 1 << 24
"""Up to this size, data may have any compression ratio."""

_MOST_MEMBERS = 10_000
_SMALL_TEXT = 1_000_000
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(
    path: Path, *, most_bytes: int | None = None, error: type[MoodlogError] = InputError
) -> io.BufferedReader:
    """Open ``path`` for reading. Never blocks on a pipe or a device.

    Args:
        path: the file; links to files are followed.
        most_bytes: refuse larger files.
        error: the error to raise if the file is not regular or too large.

    Raises:
        OSError: it does not exist or cannot be read.
    """
    _check(path, path.stat(), most_bytes, error)
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check(path, os.fstat(opened), most_bytes, error)  # it may have been replaced since
        return os.fdopen(opened, "rb")
    except BaseException:
        os.close(opened)
        raise


def read_bounded(path: Path, most_bytes: int, *, error: type[MoodlogError] = InputError) -> bytes:
    """The bytes of the regular file ``path``.

    Raises:
        OSError: it does not exist or cannot be read.
    """
    with open_regular(path, most_bytes=most_bytes, error=error) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _too_large(path, most_bytes, error)
    return content


def read_small(path: Path) -> str:
    """The text of a small file of HOME, in UTF-8. Never waits for the writer of a pipe.

    Raises:
        OSError: It is not there or cannot be read.
        UnicodeDecodeError: It is not text.
        ConfigError: It is not a regular file, or larger than 1 MB.
    """
    return read_bounded(path, _SMALL_TEXT, error=ConfigError).decode()


def why_absent(path: Path) -> str:
    """What to say of ``path``, which cannot be found: it does not exist, or its links form a loop."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "cannot be opened: its links form a loop"
    return "does not exist"


def absolute(path: Path) -> Path:
    """``path`` from the root on, with ``~`` and links resolved.

    Raises:
        ConfigError: It is a loop of links, or ``~`` names no user.
    """
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        reason = "its links form a loop" if path.is_symlink() or not str(path).startswith("~") else "~ names no user"
        raise ConfigError(f"{path} cannot be used: {reason}; give a folder that exists or can be made") from error


def refuse_holes(path: Path) -> None:
    """Refuse a sparse file, whose holes read as zeros; no export, table or archive has them.

    A sparse file can have any size without using disk space; interrupted downloads are sparse too.

    Raises:
        InputError: ``path`` has a hole.
        OSError: it does not exist or cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE) if size and hasattr(os, "SEEK_HOLE") else size
        except OSError:
            return  # not supported by the file system
    if hole < size:
        raise InputError(f"{path} has no data at byte {hole:,} of {size:,}: it is incomplete. Download it again")


def kind_of(mode: int) -> str | None:
    """The kind of a file with ``mode`` if it is not a regular file, otherwise None."""
    return next((what for test, what in _KINDS if test(mode)), None)


def files_below(folder: Path, *, follow_links: bool) -> Iterator[Path]:
    """The regular files below ``folder``, sorted by name; each real folder and file once.

    Raises:
        InputError: there are too many files and folders.
        OSError: a folder cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    pending = [(folder, 0)]
    while pending:
        path, depth = pending.pop()
        try:
            found = path.stat()
        except OSError:
            continue  # a broken link
        if (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        if len(seen) > MOST_FILES:
            raise InputError(f"{folder} has more than {MOST_FILES:,} files and folders; name a smaller folder")
        if stat.S_ISREG(found.st_mode):
            yield path
        elif stat.S_ISDIR(found.st_mode) and depth <= DEEPEST:
            inner = sorted(path.iterdir(), reverse=True)
            pending += [(each, depth + 1) for each in inner if follow_links or not each.is_symlink()]


def check_zip(path: Path, most_bytes: int, *, error: type[MoodlogError] = InputError) -> None:
    """Check that the zip ``path`` unpacks to at most ``most_bytes``. A file that is not a zip passes.

    Raises:
        OSError: it does not exist or cannot be read.
    """
    with open_regular(path, error=error) as file:
        try:
            members = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return
    if len(members) > _MOST_MEMBERS:
        raise error(f"{path} has {len(members):,} files, more than {_MOST_MEMBERS:,}; get it from its source again")
    if sum(member.file_size for member in members) > most_bytes:
        raise _too_large(path, most_bytes, error, "unpacks to")
    packed = os.path.getsize(path)  # noqa: PTH202 - members can overlap, so their sizes do not add up
    if sum(member.file_size for member in members) > max(MOST_RATIO * packed, SMALL_BYTES):
        raise error(f"{path} unpacks to more than {MOST_RATIO} times its size; get it from its source again")


_LAST_READ_S = 2.0
"""The longest wait for a thread that may have no read left."""


class BoundedUnpacking(io.RawIOBase):
    """Reads ``unpacked``, whose bytes come from ``packed``, up to the limit :data:`MOST_RATIO`.

    PyArrow reads ahead in a thread of its own. Python aborts or hangs if it ends while that thread calls it, so closing
    waits until that thread has read the end.

    Args:
        name: the file's name in messages.
        unpacked: has ``read(size)``.
        packed: has ``tell()``, in packed bytes.
    """

    def __init__(self, name: str, unpacked: Any, packed: Any) -> None:
        self._name, self._unpacked, self._packed = name, unpacked, packed
        self._bytes = 0
        self._reading = threading.Lock()
        self._reader = threading.get_ident()
        self._ended = threading.Event()

    def close(self) -> None:
        """End reading, after the current read of another thread and its next one."""
        with self._reading:
            super().close()
        if self._reader != threading.get_ident():
            self._ended.wait(_LAST_READ_S)

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes.

        Raises:
            InputError: the data unpacks to more than ``MOST_RATIO`` times its size.
        """
        with self._reading:
            self._reader = threading.get_ident()
            block = b"" if self.closed else bytes(self._unpacked.read(size))
            self._bytes += len(block)
            if not block:
                self._ended.set()
            elif self._bytes > max(MOST_RATIO * self._packed.tell(), SMALL_BYTES):
                self._ended.set()
                raise InputError(
                    f"{self._name}: the file unpacks to more than {MOST_RATIO} times its size; unpack it yourself if"
                    " you trust it, and name the unpacked file"
                )
        return block


def _check(path: Path, found: os.stat_result, most_bytes: int | None, error: type[MoodlogError]) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = kind_of(found.st_mode) or "not a file"
        raise error(f"{path} is {what}, which is not read; give a regular file")
    if found.st_dev in _kernel_devices():
        raise error(f"{path} is a kernel file, which is not read; give a regular file")
    if most_bytes is not None and found.st_size > most_bytes:
        raise _too_large(path, most_bytes, error)


@cache
def _kernel_devices() -> frozenset[int]:
    """The devices of ``/proc`` and ``/sys``, whose files look regular although some block or have no size."""
    found = set()
    for folder in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            if Path(folder).is_mount():
                found.add(Path(folder).stat().st_dev)
    return frozenset(found)


def _too_large(path: Path, most_bytes: int, error: type[MoodlogError], has: str = "has") -> MoodlogError:
    return error(
        f"{path} {has} more than {most_bytes:,} bytes, the limit for such a file; check that it is the right file"
    )

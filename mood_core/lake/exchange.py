"""Replaces several files of a folder by one in a single step, where the operating system can exchange two folders."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from mood_core.files.atomic import fsync_folder, temporary_path
from mood_core.lake.publish import write_durably

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), and RENAME_SWAP of macOS's renamex_np(3)


def exchange_locally(root: Path, path: str, content: pa.Buffer, gone: Sequence[str]) -> bool:
    """Put ``content`` at ``root/path`` and take the files ``gone`` of the same folder away, in one step.

    A folder made beside it (its name begins with a dot, which readers ignore) gets the new file and links to the files
    that stay; then the two change places. What somebody published meanwhile is linked over. Returns False, and changes
    nothing, where the system cannot do it.

    Raises:
        OSError: It is done, but the disk does not confirm it.
    """
    swap = _swap()
    folder = (root / path).parent
    if swap is None or folder.is_symlink():  # the link would be exchanged, and the files behind it stay
        return False
    fresh = temporary_path(folder)
    taken = {Path(name).name for name in gone}
    try:
        done = _prepared(fresh, folder, path, content, taken) and _swapped(swap, fresh, folder, taken)
        if done:
            fsync_folder(folder)
            fsync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return done


def _prepared(fresh: Path, folder: Path, path: str, content: pa.Buffer, taken: set[str]) -> bool:
    try:
        fresh.mkdir(mode=0o700)
        write_durably(fresh / Path(path).name, content)
        _link_missing(folder, fresh, taken)
        fsync_folder(fresh)
    except OSError:
        return False
    return True


def _swapped(swap: Callable[[bytes, bytes], int], fresh: Path, folder: Path, taken: set[str]) -> bool:
    if swap(os.fsencode(fresh), os.fsencode(folder)) != 0:
        return False
    try:
        _link_missing(fresh, folder, taken)
    except OSError:
        # What was published meanwhile must not go with the old folder.
        return swap(os.fsencode(fresh), os.fsencode(folder)) != 0
    return True


def _link_missing(source: Path, target: Path, taken: set[str]) -> None:
    for file in sorted(source.iterdir()):
        if file.name not in taken and not file.name.startswith(".") and not (target / file.name).exists():
            os.link(file, target / file.name)


def _swap() -> Callable[[bytes, bytes], int] | None:
    """The system's call that exchanges two paths and returns 0 when it has."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if platform.system() == "Linux":
            exchange = library.renameat2
            return lambda one, other: int(exchange(_AT_FDCWD, one, _AT_FDCWD, other, _EXCHANGE))
        if platform.system() == "Darwin":
            swap = library.renamex_np
            return lambda one, other: int(swap(one, other, _EXCHANGE))
    except (OSError, TypeError, AttributeError):
        return None
    return None

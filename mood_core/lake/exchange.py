"""Replaces several files of a folder by one atomically, if the operating system can exchange two folders."""

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


def exchange_locally(root: Path, path: str, content: pa.Buffer, removed: Sequence[str]) -> bool:
    """Write ``content`` to ``root/path`` and remove the files ``removed`` of the same folder, atomically.

    A temporary folder (its name starts with a dot, which readers ignore) gets the new file and links to the remaining
    files; then the folders are exchanged. Files that were published in the meantime are linked too. Returns False
    without changes if the system cannot exchange folders.

    Raises:
        OSError: The exchange is done, but fsync failed.
    """
    swap = _swap()
    folder = (root / path).parent
    if swap is None or folder.is_symlink():  # exchanging would replace the link, not the folder
        return False
    fresh = temporary_path(folder)
    taken = {Path(name).name for name in removed}
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
        # Files published in the meantime must not be removed with the old folder.
        return swap(os.fsencode(fresh), os.fsencode(folder)) != 0
    return True


def _link_missing(source: Path, target: Path, taken: set[str]) -> None:
    for file in sorted(source.iterdir()):
        if file.name not in taken and not file.name.startswith(".") and not (target / file.name).exists():
            os.link(file, target / file.name)


def _swap() -> Callable[[bytes, bytes], int] | None:
    """The system call that exchanges two paths and returns 0 on success."""
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

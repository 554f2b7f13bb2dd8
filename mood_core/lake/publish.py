"""Publishes files on a local disk: atomically, durably, and without replacing others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pyarrow as pa

from mood_core.files.atomic import NO_HARD_LINKS, fsync_folder, sweep, temporary_path
from mood_core.files.private import make_private_folder, open_private

_TRIES = 5


def publish_locally(root: Path, path: str, content: pa.Buffer) -> None:
    """Write ``content`` to ``root/path``: temporary file, fsync, link, fsync of the folder. An existing file is kept.

    Raises:
        OSError: Writing failed; there is nothing at ``path``.
    """
    target = root / path
    _make_folders(root, target.parent)
    for left in reversed(range(_TRIES)):
        try:
            _publish(target, content)
            break
        except FileNotFoundError:  # the folder was exchanged for one without the temporary file
            if not left:
                raise
    fsync_folder(target.parent)


def _publish(target: Path, content: pa.Buffer) -> None:
    temporary = temporary_path(target)
    try:
        write_durably(temporary, content)
        _link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_durably(path: Path, content: pa.Buffer) -> None:
    """Write a new file and fsync it; its name is durable after an fsync of the folder."""
    with open_private(path, new=True) as file:
        file.write(memoryview(content))
        file.flush()
        os.fsync(file.fileno())


def is_irregular(path: Path) -> bool:
    """Whether ``path`` exists and is not a regular file.

    Opening a pipe could block forever, and deleting a link would not delete the rows in its target.
    """
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False  # opening it reports the error


def sweep_leftovers(root: Path, first_month: str) -> int:
    """Delete what crashed writers have not published, in folders since ``first_month``; returns the number."""
    months = (month for month in root.glob("*/month=*") if month.name >= first_month)
    return sweep([*root.glob("*/.*.draft"), *(path for month in months for path in month.glob(".*.draft"))])


def _link(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return  # the name is a digest of the rows, so the content is the same
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        temporary.rename(target)


def _make_folders(root: Path, folder: Path) -> None:
    missing = make_private_folder(folder)
    for made in missing:
        fsync_folder(made.parent)
    if not missing and not root.exists():
        raise FileNotFoundError(root)

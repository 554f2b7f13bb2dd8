"""Temporary files and folders: hidden, in the folder of their target, and named by the process that writes them.

The next writer deletes temporary files of dead local processes at once, and those of other hosts after a day.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from mood_core.processes import may_run, this_host, this_process

_NAME = re.compile(r"\.(?P<process>\d+(?:\+\d+)?)@(?P<host>[^@]+)@\d+\.draft$")
_A_DAY_S = 86_400

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)
"""Errors of a file system without hard links, such as on memory sticks."""


def temporary_path(target: Path) -> Path:
    """A unique path in the folder of ``target``; its name starts with a dot, so that readers ignore it."""
    return target.with_name(f".{target.name}.{this_process()}@{this_host()}@{time.monotonic_ns()}.draft")


def publish_new(temporary: Path, target: Path) -> None:
    """Rename the private file ``temporary`` to ``target``, which must not exist.

    A hard link never replaces a file. Without hard links, an empty file reserves the name first.

    Raises:
        FileExistsError: ``target`` exists.
        OSError: It cannot be created.
    """
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        temporary.replace(target)
    else:
        temporary.unlink()


def fsync_folder(folder: Path) -> None:
    """Flush the names in ``folder`` to disk."""
    if os.name == "nt":
        return  # Windows cannot flush folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_temporary(target: Path) -> int:
    """Delete temporary files of ``target`` from dead processes; returns their number."""
    return sweep(path for path in target.parent.glob(".*.draft") if path.name.startswith(f".{target.name}."))


def sweep(paths: Iterable[Path]) -> int:
    """Delete the temporary files among ``paths`` from dead processes; returns their number."""
    swept = 0
    for path in sorted(paths):
        if _is_abandoned(path):
            swept += 1
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return swept


def _is_abandoned(path: Path) -> bool:
    named = _NAME.search(path.name)
    if named is None:
        return False
    try:
        is_old = time.time() - path.stat().st_mtime > _A_DAY_S
    except FileNotFoundError:
        return False  # just published
    return is_old or not may_run(named["host"], named["process"])

"""Drafts: hidden files and folders beside a target, named by the process that writes them.

A draft of a process that has ended is nobody's, and whoever writes there next takes it away at once. One of another
host, of which nothing can be known, is taken away after a day.
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
"""How a system says that there are no hard links on a disk, as there are none on memory sticks."""


def temporary_path(target: Path) -> Path:
    """A name beside ``target`` that nobody else writes to; it begins with a dot, so that readers pass it by."""
    return target.with_name(f".{target.name}.{this_process()}@{this_host()}@{time.monotonic_ns()}.draft")


def publish_new(draft: Path, target: Path) -> None:
    """Give the whole private file ``draft`` the name ``target``, which nothing may have yet.

    By a link, which never replaces. Where there are none, the name is taken by an empty file first.

    Raises:
        FileExistsError: ``target`` is there already.
        OSError: It cannot be made.
    """
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        draft.replace(target)
    else:
        draft.unlink()


def fsync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    if os.name == "nt":
        return  # Windows has no handle to a folder that could be flushed
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_temporary(target: Path) -> int:
    """Remove what processes that have ended left of drafts of ``target``; returns how many there were."""
    return sweep(path for path in target.parent.glob(".*.draft") if path.name.startswith(f".{target.name}."))


def sweep(paths: Iterable[Path]) -> int:
    """Remove those of ``paths`` that are abandoned drafts; returns how many."""
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
        return False  # its process has just published it
    return is_old or not may_run(named["host"], named["process"])

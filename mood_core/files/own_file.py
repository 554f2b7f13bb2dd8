"""One rule for the files that commands write where a person says: only moodlog's own files are replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mood_core.errors import InputError


def refuse_foreign(out: Path, what: str, is_ours: Callable[[Path], bool]) -> None:
    """Refuse to replace a file that is not ``what`` of moodlog, such as "a page". An empty file may be replaced.

    Raises:
        InputError: ``out`` is such a file, or not a regular file.
        OSError: It cannot be read.
    """
    if out.is_symlink() or (out.exists() and not out.is_file()):
        raise InputError(f"{out} is not a regular file and is not replaced; name another")
    if out.exists() and out.stat().st_size and not is_ours(out):
        raise InputError(f"{out} is not {what} of moodlog and is not replaced; move it, or name another")


def check_folder(out: Path) -> None:
    """Check that the folder of a new file exists, before the work whose result it will have.

    Raises:
        InputError: It does not exist.
    """
    if not out.parent.is_dir():
        raise InputError(f"{out}: the folder {out.parent} does not exist; create it")

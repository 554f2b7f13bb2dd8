"""Marks moodlog's pictures as its own, so that no other picture is replaced by one."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from mood_core.files.own_file import refuse_foreign

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME, _HEAD_BYTES = "moodlog", 4_000
_MARK = f"tEXtSoftware\0{_NAME}".encode()


def save_picture(figure: Figure, file: IO[bytes]) -> None:
    """Write ``figure`` to ``file`` as a PNG that names moodlog as its software."""
    figure.savefig(file, format="png", metadata={"Software": _NAME})


def refuse_foreign_picture(out: Path) -> None:
    """Refuse to replace a file that is no picture of moodlog.

    Raises:
        InputError: ``out`` is such a file, or not a regular file.
        OSError: It cannot be read.
    """
    refuse_foreign(out, "a picture", _is_ours)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK in file.read(_HEAD_BYTES)

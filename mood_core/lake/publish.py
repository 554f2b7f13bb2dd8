"""Publishing on a local disk: a file appears whole, survives a power cut, and never replaces another."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from mood_core.files.atomic import NO_HARD_LINKS, fsync_folder, sweep, temporary_path
from mood_core.files.private import make_private_folder, open_private

_TRIES = 5


def publish_locally(root: Path, path: str, content: pa.Buffer) -> None:
    """Write ``content`` to ``root/path``: temporary name, fsync, link, fsync of the folder. An existing file stays.

    Raises:
        OSError: The disk refuses; nothing is left at ``path`` then.
    """
    target = root / path
    _make_folders(root, target.parent)
    for left in reversed(range(_TRIES)):
        try:
            _publish(target, content)
            break
        except FileNotFoundError:  # the folder was exchanged for another, in which this draft does not lie
            if not left:
                raise
    fsync_folder(target.parent)


def _publish(target: Path, content: pa.Buffer) -> None:
    draft = temporary_path(target)
    try:
        write_durably(draft, content)
        _link(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def write_durably(path: Path, content: pa.Buffer) -> None:
    """Write a new file whose bytes survive a power cut; its name does so once its folder was flushed."""
    with open_private(path, new=True) as file:
        file.write(memoryview(content))
        file.flush()
        os.fsync(file.fileno())


def is_no_file(path: Path) -> bool:
    """Whether something lies at ``path`` that is no file of its own.

    Whoever opens a pipe waits for ever, and whoever removes a link leaves the rows behind it where they are.
    """
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False  # opening it says what is wrong


def entries_below(folder: Path, skip: Callable[[Path], bool]) -> Iterator[Path]:
    """All that is not a folder below ``folder``: files, links, pipes and the like.

    Links are not followed but those of whole months.

    Folders that ``skip`` accepts are not entered.
    """
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            # A month may be on another disk, and a link lead to it.
            if not entry.is_dir(follow_symlinks=Path(entry.path).parent == folder and entry.name.startswith("month=")):
                yield Path(entry.path)
            elif not skip(Path(entry.path)):
                waiting.append(Path(entry.path))


def sweep_leftovers(root: Path) -> int:
    """Remove the files and folders of writers that died before they published; returns how many."""
    return sweep([*root.glob("*/.*.draft"), *root.glob("*/*/.*.draft")])


def _link(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        return  # the name is a digest of the rows: whoever was first wrote the same
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

"""The private file of the keys that encrypt tokens at rest: the newest first, one a line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.files.atomic import fsync_folder, publish_new, sweep_temporary, temporary_path
from mood_core.files.outside import read_small
from mood_core.files.private import open_private


def read_keys(path: Path) -> list[str]:
    """The keys in ``path``, newest first.

    Raises:
        ConfigError: There is no such file, or it is damaged.
    """
    try:
        return read_small(path).split()
    except FileNotFoundError as error:
        raise ConfigError(f"there is no key in {path} yet; `moodlog connect` makes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read; put it back from a backup") from error


def read_or_make_keys(path: Path, generate: Callable[[], str]) -> list[str]:
    """The keys in ``path``; where there is no such file, it is made with one that ``generate`` gives.

    Raises:
        ConfigError: The file is damaged, or cannot be made.
    """
    with _written(path):
        sweep_temporary(path)  # a copy of the key that a killed run has left would outlive its rotation
        if not path.exists():
            _publish_first(path, _draft(path, [generate()]))
    return read_keys(path)


def _publish_first(path: Path, fresh: Path) -> None:
    """Give ``fresh`` the name ``path``: whoever is first decides, and nobody reads half a key."""
    try:
        with contextlib.suppress(FileExistsError):
            publish_new(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    fsync_folder(path.parent)


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Write ``keys``, newest first, into ``path``; it changes whole or not at all, and a power cut loses none.

    Raises:
        ConfigError: The file cannot be written.
    """
    with _written(path):
        _draft(path, keys).replace(path)
        fsync_folder(path.parent)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be written ({error.strerror}); make room or make its folder writable"
        ) from error


def _draft(path: Path, keys: Sequence[str]) -> Path:
    sweep_temporary(path)
    draft = temporary_path(path)
    with open_private(draft) as file:
        file.write("".join(f"{key}\n" for key in keys).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    return draft

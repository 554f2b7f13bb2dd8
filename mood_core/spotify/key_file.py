"""The private file with the keys that encrypt tokens at rest: newest first, one per line."""

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
        ConfigError: The file is missing or damaged.
    """
    try:
        return read_small(path).split()
    except FileNotFoundError as error:
        raise ConfigError(f"there is no key in {path} yet; run `moodlog connect` to create one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read; restore it from a backup") from error


def read_or_make_keys(path: Path, generate: Callable[[], str]) -> list[str]:
    """The keys in ``path``; a missing file is created with a key from ``generate``.

    Raises:
        ConfigError: The file is damaged or cannot be created.
    """
    with _written(path):
        sweep_temporary(path)  # a key left by a crashed run would outlive its rotation
        if not path.exists():
            _publish_first(path, _write_temporary(path, [generate()]))
    return read_keys(path)


def _publish_first(path: Path, fresh: Path) -> None:
    """Rename ``fresh`` to ``path`` atomically unless another process was first."""
    try:
        with contextlib.suppress(FileExistsError):
            publish_new(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    fsync_folder(path.parent)


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Write ``keys``, newest first, to ``path`` atomically and durably.

    Raises:
        ConfigError: The file cannot be written.
    """
    with _written(path):
        _write_temporary(path, keys).replace(path)
        fsync_folder(path.parent)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be written ({error.strerror}); free disk space or make its folder writable"
        ) from error


def _write_temporary(path: Path, keys: Sequence[str]) -> Path:
    sweep_temporary(path)
    temporary = temporary_path(path)
    with open_private(temporary) as file:
        file.write("".join(f"{key}\n" for key in keys).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    return temporary

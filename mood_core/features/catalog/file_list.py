"""The person's list of catalogue files: a text file with one location per line, in priority order."""

from __future__ import annotations

from pathlib import Path

from mood_core.errors import ConfigError, InputError
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.files.outside import read_small
from mood_core.files.private import write_private
from mood_core.tabular.files import shown


def read_list(path: Path) -> tuple[str, ...]:
    """The locations in the list at ``path``; empty without a list.

    Raises:
        ConfigError: the list cannot be read.
    """
    try:
        lines = read_small(path).splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the list of catalogue files {path} cannot be read; correct it or delete it") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("#")))


def add_to_list(path: Path, location: str) -> bool:
    """Append ``location`` to the list; returns False if it is listed already.

    Raises:
        InputError: the location contains a secret, which the list must not.
        ConfigError: the list cannot be read or written.
    """
    if shown(location) != location:
        raise InputError(
            f"the address {shown(location)} contains a key; remove it and set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY instead"
        )
    locations = read_list(path)
    if absolute(location) in locations:
        return False
    _write(path, (*locations, absolute(location)))
    return True


def remove_from_list(path: Path, location: str) -> None:
    """Remove ``location`` from the list; the file is not deleted.

    Raises:
        InputError: it is not in the list.
        ConfigError: the list cannot be read or written.
    """
    locations = read_list(path)
    gone = {location, absolute(location)}
    if gone.isdisjoint(locations):
        raise InputError(f"{shown(location)} is not in the list of catalogue files; `moodlog catalog list` shows it")
    _write(path, tuple(each for each in locations if each not in gone))


def absolute(location: str) -> str:
    """``location`` as an absolute path; URLs do not change."""
    return location if "://" in location else str(Path(location).expanduser().absolute())


def _write(path: Path, locations: tuple[str, ...]) -> None:
    sweep_temporary(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(temporary, "".join(f"{location}\n" for location in locations).encode())
        temporary.replace(path)
    except OSError as error:
        message = f"the list of catalogue files {path} cannot be written ({error.strerror}); make it writable"
        raise ConfigError(message) from error

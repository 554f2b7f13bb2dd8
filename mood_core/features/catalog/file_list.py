"""The person's own list of catalogue files: a text file, one location a line, in the order in which they count."""

from __future__ import annotations

from pathlib import Path

from mood_core.errors import ConfigError, InputError
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.files.outside import read_small
from mood_core.files.private import write_private
from mood_core.tabular.files import shown


def read_list(path: Path) -> tuple[str, ...]:
    """The locations in the list at ``path``, none where there is no list yet.

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
    """Put ``location`` at the end of the list; False where it stands there already.

    Raises:
        InputError: the location holds a secret, which the list is no place for.
        ConfigError: the list cannot be read or written.
    """
    if shown(location) != location:
        raise InputError(
            f"the address {shown(location)} holds a key; leave it out and set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY instead"
        )
    locations = read_list(path)
    if absolute(location) in locations:
        return False
    _write(path, (*locations, absolute(location)))
    return True


def remove_from_list(path: Path, location: str) -> None:
    """Take ``location`` out of the list; the file itself stays.

    Raises:
        InputError: it does not stand in the list.
        ConfigError: the list cannot be read or written.
    """
    locations = read_list(path)
    gone = {location, absolute(location)}
    if gone.isdisjoint(locations):
        raise InputError(f"{shown(location)} is not in the list of catalogue files; `moodlog catalog list` shows it")
    _write(path, tuple(each for each in locations if each not in gone))


def absolute(location: str) -> str:
    """``location`` so that it means the same from any working directory."""
    return location if "://" in location else str(Path(location).expanduser().absolute())


def _write(path: Path, locations: tuple[str, ...]) -> None:
    sweep_temporary(path)
    draft = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(draft, "".join(f"{location}\n" for location in locations).encode())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"the list of catalogue files {path} cannot be written ({error.strerror})") from error

"""Refuses files that are no export, before anything else is asked or opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.exports.reader import may_be_history
from mood_core.exports.sources import open_export
from mood_core.text.format import first_few

_TABLE = {".csv", ".parquet"}
_TABLES = "; tables of audio features are for `moodlog catalog add`, labelled tracks for `moodlog train --data`"


def check_export(paths: Sequence[Path], limits: Limits) -> None:
    """Check that a file of ``paths`` may be a listening history; only the beginnings of files are read.

    Raises:
        InputError: None is, a path does not exist, or an archive is refused.
    """
    with open_export(paths, limits) as files:
        if not any(may_be_history(file, limits) for file in files):
            raise no_history(paths, [file.name for file in files])


def no_history(paths: Sequence[Path], names: Sequence[str]) -> InputError:
    """The error for ``paths`` without a listening history; ``names`` are the files in them."""
    given, inner = ", ".join(map(str, paths)), [] if all(path.is_file() for path in paths) else names
    among = f" among {first_few(inner)}" if inner else ""
    return InputError(
        f"{given}: no listening history found{among}; give the zip of Spotify or ListenBrainz, its files, "
        f"or a JSON or CSV of Last.fm{_TABLES if any(path.suffix in _TABLE for path in paths) else ''}"
    )

"""Reads the tags of audio files."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mood_core.domain.recordings import normalised_isrc

SUFFIXES = frozenset(
    ".aif .aifc .aiff .ape .flac .m4a .m4b .mp3 .mp4 .mpc .oga .ogg .opus .wav .wma .wv".split()  # noqa: SIM905 - shorter
)
"""Suffixes of audio files whose tags are read."""

_NAMES = {
    "isrc": ("isrc", "ISRC", "TSRC", "----:com.apple.iTunes:ISRC", "WM/ISRC"),
    "title": ("title", "Title", "TITLE", "TIT2", "\xa9nam", "INAM"),
    "artist": ("artist", "Artist", "ARTIST", "TPE1", "\xa9ART", "Author", "IART"),
}
_MOST_INFO_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AudioTags:
    """Tags of a file: a normalised ISRC, title, artists and the duration [ms]; None or empty where there is none.

    ``file_name`` is the name of the file without its suffix.
    """

    isrc: str | None
    title: str
    artists: str
    duration_ms: int | None
    file_name: str = ""


def audio_files(folder: Path) -> Iterator[Path]:
    """Every regular file in ``folder`` and its folders, sorted; links are not followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def read_tags(path: Path) -> AudioTags | None:
    """The tags of the file at ``path``; None if it cannot be read as audio."""
    import mutagen

    try:
        file = mutagen.File(path)
        if file is None:
            return None
        tags: Any = file.tags or _wave_tags(path)
        found = {kind: _first(tags, names) for kind, names in _NAMES.items()}
        length = getattr(file.info, "length", 0)
    except Exception:  # noqa: BLE001 - a damaged file can raise any error in its format's module
        return None
    duration = round(length * 1000) if 0 < length < 86_400 else None
    return AudioTags(normalised_isrc(found["isrc"]), found["title"], found["artist"], duration, path.stem)


def _first(tags: Any, names: tuple[str, ...]) -> str:
    """The first of the tags ``names``, several values of it joined by a comma."""
    for name in names:
        with suppress(KeyError, ValueError):  # Vorbis comments and APE refuse to look up the names of other formats
            values = getattr(tags[name], "text", tags[name])
            values = values if isinstance(values, list) else [values]
            return ", ".join(_text(value) for value in values).strip()
    return ""


def _text(value: object) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _wave_tags(path: Path) -> dict[str, bytes]:
    """The texts in the INFO list of a WAVE file, which mutagen does not read; empty for other files."""
    with path.open("rb") as file:
        if file.read(12)[8:] != b"WAVE":
            return {}
        for name, size in _chunks(file):
            if name == b"LIST" and size <= _MOST_INFO_BYTES and (info := file.read(size)).startswith(b"INFO"):
                return dict(_texts(info[4:]))
    return {}


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """The name and size of each chunk, with ``file`` at its content."""
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        after = file.tell() + size + size % 2
        yield name, size
        file.seek(after)


def _texts(info: bytes) -> Iterator[tuple[str, bytes]]:
    place = 0
    while place + 8 <= len(info):
        name, size = struct.unpack_from("<4sI", info, place)
        yield name.decode("latin-1"), info[place + 8 : place + 8 + size].rstrip(b"\0")
        place += 8 + size + size % 2

"""Finds the JSON files of an export: in a zip, in folders, or given one by one. Nothing is unpacked to disk."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from mood_core.errors import InputError
from mood_core.history.limits import Limits

_ENCRYPTED = 0x1
_SMALL = 2**20  # what is smaller than this may be packed as tightly as it likes
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class JsonFile:
    """One JSON file: its ``name`` as shown, unpacked ``size`` in bytes, and where it lies."""

    name: str
    size: int
    path: Path
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Read its bytes.

        Raises:
            InputError: It is damaged or was cut short.
        """
        try:
            if self.member is None:
                with self.path.open("rb") as file:
                    yield file
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                    yield file
        except InputError:
            raise
        except _UNREADABLE as error:
            raise InputError(f"{self.name} is damaged ({error}); download the export again") from error


def find_json(paths: Sequence[Path], limits: Limits) -> list[JsonFile]:
    """The JSON files of ``paths`` (zips, folders, files), each once, ordered by name.

    Raises:
        InputError: A path does not exist, or an archive is damaged, encrypted or larger than ``limits`` allow.
    """
    found: dict[tuple[Path, str | None], JsonFile] = {}
    for path in paths:
        for file in _in(path, limits):
            found.setdefault((file.path.resolve(), file.member), file)
    total = sum(file.size for file in found.values())
    if total > limits.total_bytes:
        raise InputError(
            f"the files hold {total:,} bytes of JSON, more than the {limits.total_bytes:,} of MOODLOG_IMPORT_MAX_BYTES"
        )
    return sorted(found.values(), key=lambda file: (file.name.rpartition("/")[2], file.name))


def digest_of(paths: Sequence[Path]) -> str:
    """A hex digest of the bytes of all files below ``paths``, whatever they are called."""
    digests = set()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and (path.is_file() or file.suffix.lower() in (".json", ".zip")):
                with file.open("rb") as content:
                    digest = sha256()
                    while block := content.read(2**20):
                        digest.update(block)
                digests.add(digest.hexdigest())
    return sha256("".join(sorted(digests)).encode()).hexdigest()


def _in(path: Path, limits: Limits) -> Iterator[JsonFile]:
    if path.is_dir():
        for inner in sorted(path.rglob("*")):
            if inner.is_symlink() or not inner.is_file():
                continue
            if inner.suffix.lower() in (".json", ".zip") and not inner.name.startswith("."):
                yield from _file(inner, str(inner.relative_to(path)), limits)
    elif path.is_file():
        yield from _file(path, path.name, limits)
    else:
        raise InputError(f"{path} is no file or folder; give the zip that Spotify sent, its folder, or its JSON files")


def _file(path: Path, name: str, limits: Limits) -> Iterator[JsonFile]:
    try:
        with path.open("rb") as file:
            zipped = file.read(4).startswith(b"PK")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if zipped or path.suffix.lower() == ".zip":
        yield from _members(path, limits)
    else:
        yield JsonFile(name, path.stat().st_size, path)


def _members(path: Path, limits: Limits) -> Iterator[JsonFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except _UNREADABLE as error:
        raise InputError(f"{path.name} is no whole zip file ({error}); download the export again") from error
    if len(infos) > limits.members:
        raise InputError(
            f"{path.name} holds {len(infos):,} files, more than the {limits.members:,} of MOODLOG_IMPORT_MAX_FILES"
        )
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise InputError(f"{path.name} holds two files of one name; Spotify's exports do not")
    for info in infos:
        if info.is_dir() or not info.filename.lower().endswith(".json") or _is_litter(info.filename):
            continue
        _check(path.name, info, limits)
        yield JsonFile(info.filename, info.file_size, path, info.filename)


def _check(archive: str, info: zipfile.ZipInfo, limits: Limits) -> None:
    parts = info.filename.replace("\\", "/").split("/")
    problem = None
    if info.flag_bits & _ENCRYPTED:
        problem = "is encrypted; unpack it with its password first and import the folder"
    elif stat.S_ISLNK(info.external_attr >> 16):
        problem = "is a symbolic link; Spotify's exports hold none"
    elif ".." in parts or parts[0] == "" or ":" in parts[0]:
        problem = "points outside the archive; Spotify's exports never do"
    elif len(parts) > limits.depth:
        problem = f"lies more than {limits.depth} folders deep"
    elif info.file_size > limits.total_bytes:
        problem = f"is larger than the {limits.total_bytes:,} bytes of MOODLOG_IMPORT_MAX_BYTES"
    elif info.file_size > _SMALL and info.file_size > limits.ratio * max(info.compress_size, 1):
        problem = f"unpacks to more than {limits.ratio} times its size (MOODLOG_IMPORT_MAX_RATIO)"
    if problem:
        raise InputError(f"{info.filename} in {archive} {problem}")


def _is_litter(name: str) -> bool:
    """MacOS adds files of its own to a zip."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._")

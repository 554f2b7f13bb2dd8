"""Finds the JSON and CSV files of an export in zips, folders and single files. Nothing is unpacked to disk."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO

from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.files.outside import files_below, kind_of, open_regular, refuse_holes, why_absent

_SUFFIXES = (".json", ".jsonl", ".csv")
_SAYS_UTF8 = 0x800
_ENCRYPTED = 0x1
_SMALL = 2**20  # files below this size may have any compression ratio
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_DRIVE = re.compile(r"[A-Za-z]:")

DOWNLOAD_AGAIN = "nothing of it was imported: download the export again or leave this file out"
"""The remedy for a damaged file."""


@dataclass(frozen=True, slots=True)
class JsonFile:
    """One JSON or CSV file: its displayed ``name``, unpacked ``size`` in bytes, and location: ``path``, or in a zip.

    ``problem`` says why it cannot be read, as a message with the remedy; it may be a zip then. ``is_other``: it is
    neither, so it is not read.
    """

    name: str
    size: int
    path: Path
    archive: zipfile.ZipFile | None = None
    member: str = ""
    problem: str = ""
    is_other: bool = False

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Read its bytes.

        Raises:
            InputError: It is damaged or truncated.
        """
        if self.problem:
            raise InputError(self.problem)
        try:
            with open_regular(self.path) if self.archive is None else self.archive.open(self.member) as file:
                yield file
        except InputError:
            raise
        except _UNREADABLE as error:
            raise InputError(f"{self.name} is damaged ({error}); {DOWNLOAD_AGAIN}") from error


@contextmanager
def open_export(paths: Sequence[Path], limits: Limits) -> Iterator[list[JsonFile]]:
    """Open the JSON and CSV files of ``paths`` (zips, folders, files), each once, sorted by name.

    The other files are among them, and those that cannot be read, with their problem: also each refused zip of a
    folder, since it stops no other file.

    Raises:
        InputError: A path does not exist, or is an archive that is hostile, encrypted or larger than ``limits`` allow.
    """
    with ExitStack() as opened:
        found: dict[tuple[Path, str | None], JsonFile] = {}
        for path in paths:
            for file in _in(path, limits, opened):
                found.setdefault((file.path.resolve(), file.member), file)
        total = sum(file.size for file in found.values())
        if total > limits.total_bytes:
            raise InputError(
                f"the files hold {total:,} bytes of JSON, more than the {limits.total_bytes:,} of"
                " MOODLOG_IMPORT_MAX_BYTES"
            )
        yield _with_unique_names(sorted(found.values(), key=lambda file: (file.name.rpartition("/")[2], file.name)))


def _with_unique_names(files: Sequence[JsonFile]) -> list[JsonFile]:
    """Add the zip or folder to the names of files that have the same name."""
    count = Counter(file.name for file in files)
    return [
        file if count[file.name] == 1 else replace(file, name=f"{file.path}/{file.member}".rstrip("/"))
        for file in files
    ]


def digest_of(paths: Sequence[Path]) -> str:
    """A hex digest of the bytes of all files below ``paths``, independent of their names if they can be read."""
    digests = set()
    for path in paths:
        for file in filter(_is_read, _files_below(path)) if path.is_dir() else [path]:
            try:
                digests.add(_digest_of(file))
            except (OSError, InputError):
                digests.add(f"unreadable: {file}")
    return sha256("".join(sorted(digests)).encode()).hexdigest()


def _digest_of(path: Path) -> str:
    with open_regular(path) as content:
        digest = sha256()
        while block := content.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _in(path: Path, limits: Limits, opened: ExitStack) -> Iterator[JsonFile]:
    if path.is_dir():
        for inner in _files_below(path):
            yield from _inner_file(inner, str(inner.relative_to(path)), limits, opened)
    elif path.is_file():
        yield from _file(path, path.name, limits, opened)
    elif path.exists():
        what = kind_of(path.stat().st_mode) or "not a file"
        raise InputError(
            f"{path} is {what}, which is not read; give the zip that Spotify sent, its folder, or its files"
        )
    else:
        raise InputError(
            f"{path} {why_absent(path)}; give the zip of Spotify or ListenBrainz, its folder or "
            "files, or a JSON or CSV of Last.fm"
        )


def _files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder. Links are not followed: they may lead out of it."""
    for path in sorted(files_below(folder, follow_links=False)):
        if not _is_litter(path.relative_to(folder).as_posix()):
            yield path


def _is_read(path: Path) -> bool:
    return path.suffix.lower() in (*_SUFFIXES, ".zip")


def _inner_file(path: Path, name: str, limits: Limits, opened: ExitStack) -> list[JsonFile]:
    if not _is_read(path):
        return [JsonFile(name, 0, path, is_other=True)]
    try:
        return list(_file(path, name, limits, opened))
    except InputError as error:
        return [JsonFile(name, 0, path, problem=error.message)]


def _file(path: Path, name: str, limits: Limits, opened: ExitStack) -> Iterator[JsonFile]:
    try:
        with open_regular(path) as file:
            zipped = file.read(4).startswith(b"PK")
        refuse_holes(path)
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}; give permission to read it or leave this file out"
        yield JsonFile(name, 0, path, problem=problem)
        return
    except InputError as error:
        yield JsonFile(name, 0, path, problem=error.message)
        return
    if zipped or path.suffix.lower() == ".zip":
        yield from _members(path, name, limits, opened)
    else:
        yield JsonFile(name, path.stat().st_size, path)


def _members(path: Path, name: str, limits: Limits, opened: ExitStack) -> Iterator[JsonFile]:
    try:
        archive = opened.enter_context(zipfile.ZipFile(path))
    except _UNREADABLE as error:
        problem = f"{path.name} is not a complete zip file ({error}); {DOWNLOAD_AGAIN}"
        yield JsonFile(name, 0, path, problem=problem)
        return
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > limits.members:
        raise InputError(
            f"{path.name} holds {len(infos):,} files, more than the {limits.members:,} of MOODLOG_IMPORT_MAX_FILES"
        )
    for info in infos:
        _check(path.name, info, limits)
    for info in _each_once(path.name, infos):
        name = _name_of(info)
        if name.lower().endswith(_SUFFIXES) and not _is_litter(name):
            yield JsonFile(name, info.file_size, path, archive, info.filename)
        elif not _is_litter(name):
            yield JsonFile(name, 0, path, archive, info.filename, is_other=True)


def _each_once(archive: str, infos: Iterable[zipfile.ZipInfo]) -> Iterable[zipfile.ZipInfo]:
    """``infos`` without duplicates, which repacking an export can add."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        first = found.setdefault(info.filename, info)
        if (first.CRC, first.file_size) != (info.CRC, info.file_size):
            raise InputError(f"{archive} holds two different files named {_name_of(info)}; unpack the right one")
    return found.values()


def _name_of(info: zipfile.ZipInfo) -> str:
    """A member's name. Some programs, such as macOS's, write UTF-8 without the flag for it."""
    if info.flag_bits & _SAYS_UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _check(archive: str, info: zipfile.ZipInfo, limits: Limits) -> None:
    problem = _problem(info, limits)
    if problem:
        name = _name_of(info)
        shown = name if name.isprintable() else repr(name)
        raise InputError(f"{shown} in {archive} {problem}")


def _problem(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Why a member is refused, or None. Members that are not read are checked too."""
    parts = info.filename.replace("\\", "/").split("/")
    if not _name_of(info).isprintable():
        return "has a name that cannot be displayed; download the export again"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted; unpack it with its password first and import the folder"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link, which Spotify's exports never contain; download the export again"
    if ".." in parts or parts[0] == "" or _DRIVE.match(parts[0]):
        return "points outside the archive, which Spotify's exports never do; download the export again"
    if len(parts) > limits.depth:
        return f"is more than {limits.depth} folders deep (MOODLOG_IMPORT_MAX_DEPTH)"
    if info.file_size > limits.total_bytes:
        return f"is larger than the {limits.total_bytes:,} bytes of MOODLOG_IMPORT_MAX_BYTES"
    if info.file_size > _SMALL and info.file_size > limits.ratio * max(info.compress_size, 1):
        return f"unpacks to more than {limits.ratio} times its size (MOODLOG_IMPORT_MAX_RATIO)"
    if info.filename.lower().endswith(".zip"):
        return "is a zip in a zip; unpack the outer one and import its folder"
    return None


def _is_litter(name: str) -> bool:
    """Whether macOS added the file to a zip or a foreign disk."""
    return "__MACOSX" in name.split("/") or name.rpartition("/")[2].startswith(".")

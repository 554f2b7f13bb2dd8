"""Finds the catalogue's files: paths, folders and s3:// addresses, in the order they were listed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.errors import InputError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = "catalog"

_CSV_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.bz2", ".csv.zst")
_PARQUET_ENDINGS = (".parquet", ".pq", ".parq")


class FileFormat(StrEnum):
    """How a catalogue file is written."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """One file of features.

    Attributes:
        location: what a person would type for it, without secrets.
        path: its path inside ``filesystem`` (a ``pyarrow.fs.FileSystem``).
        size: bytes.
        mtime_ns: when it was last written, ns since 1970; 0 where the file system does not say.
    """

    location: str
    path: str
    filesystem: Any
    size: int
    mtime_ns: int
    format: FileFormat

    @property
    def name(self) -> str:
        """The last part of its path, for provenance and messages."""
        return self.path.rsplit("/", 1)[-1]


def find_files(locations: Sequence[str]) -> tuple[CatalogFile, ...]:
    """The catalogue's files in the order of ``locations``, a folder's by name; one listed twice counts once.

    Raises:
        InputError: a location is not there, is empty of features, or cannot be read.
        Unavailable: an object store did not answer.
    """
    files: dict[tuple[str, str], CatalogFile] = {}
    for location in locations:
        for file in _files_at(location, shown(location)):
            files.setdefault((file.filesystem.type_name, file.path), file)
    return tuple(files.values())


def shown(location: str) -> str:
    """``location`` as it may be told: without the key and secret that an s3:// address can carry."""
    return re.sub(r"(?<=://)[^/@]*@", "", location)


def _files_at(location: str, told: str) -> Iterator[CatalogFile]:
    from pyarrow import fs

    filesystem, path = _resolve(location, told)
    try:
        info = filesystem.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise InputError(f"the catalogue file {told} does not exist; check the path")
        if info.type != fs.FileType.Directory:
            yield _file(told, info, filesystem, _format_of(info.path) or FileFormat.CSV)
            return
        found = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
    except OSError as error:
        raise _cannot_read(told, error) from error
    yield from _in_folder(told, path, sorted(found, key=lambda each: str(each.path)), filesystem)


def _in_folder(location: str, folder: str, found: Sequence[Any], filesystem: Any) -> Iterator[CatalogFile]:
    any_file = False
    for info in found:
        relative = info.path[len(folder) :].strip("/")
        file_format = _format_of(info.path)
        if not info.is_file or file_format is None or any(part.startswith((".", "_")) for part in relative.split("/")):
            continue
        any_file = True
        yield _file(f"{location.partition('?')[0].rstrip('/')}/{relative}", info, filesystem, file_format)
    if not any_file:
        raise InputError(f"the catalogue folder {location} holds no .csv or .parquet file")


def _file(location: str, info: Any, filesystem: Any, file_format: FileFormat) -> CatalogFile:
    return CatalogFile(location, info.path, filesystem, info.size or 0, info.mtime_ns or 0, file_format)


def _resolve(location: str, told: str) -> tuple[Any, str]:
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in location:
        return fs.LocalFileSystem(), str(Path(location).expanduser().absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (pa.ArrowException, ValueError) as error:
        raise _no_address(told) from error
    except OSError as error:
        raise _cannot_read(told, error) from error
    if not path.strip("/"):
        raise _no_address(told)
    return filesystem, path


def _no_address(told: str) -> InputError:
    return InputError(f"the catalogue address {told} is not one we can open; give a path or s3://bucket/...")


def _format_of(path: str) -> FileFormat | None:
    name = path.lower()
    if name.endswith(_PARQUET_ENDINGS):
        return FileFormat.PARQUET
    return FileFormat.CSV if name.endswith(_CSV_ENDINGS) else None


def _cannot_read(location: str, error: OSError) -> InputError | Unavailable:
    if location.startswith("s3://"):
        return Unavailable(f"the catalogue at {location} cannot be read now: {_first_line(error)}", source=SOURCE)
    return InputError(f"the catalogue file {location} cannot be read: {_first_line(error)}")


def _first_line(error: OSError) -> str:
    return (error.strerror or str(error)).partition("\n")[0][:200]

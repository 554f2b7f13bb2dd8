"""Finds tables of audio features at paths, folders and s3:// URLs, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mood_core.errors import InputError, Unavailable
from mood_core.files.outside import files_below, kind_of, open_regular, why_absent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = "catalog"

_CSV_ENDINGS = tuple(f"{name}{packed}" for name in (".csv", ".tsv") for packed in ("", ".gz", ".bz2", ".zst"))
_PARQUET_ENDINGS = (".parquet", ".pq", ".parq")


class FileFormat(StrEnum):
    """Format of a table."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table of features.

    Attributes:
        location: its path or URL as a person would type it, without secrets.
        path: its path inside ``filesystem`` (a ``pyarrow.fs.FileSystem``).
        size: bytes.
        mtime_ns: modification time, ns since 1970; 0 if the file system has none.
    """

    location: str
    path: str
    filesystem: Any
    size: int
    mtime_ns: int
    format: FileFormat

    @property
    def name(self) -> str:
        """The file name, for provenance and messages."""
        return self.path.rsplit("/", 1)[-1]

    def open(self) -> Any:
        """Open it as a seekable ``pyarrow.NativeFile``. Never blocks on a named pipe.

        Raises:
            InputError: it is not a regular file.
            OSError: it cannot be read.
        """
        import pyarrow as pa
        from pyarrow import fs

        if isinstance(self.filesystem, fs.LocalFileSystem):
            return pa.PythonFile(open_regular(Path(self.path)), mode="r")
        return self.filesystem.open_input_file(self.path)


def find_files(locations: Sequence[str]) -> tuple[TableFile, ...]:
    """The tables in the order of ``locations``, those in a folder sorted by name; duplicates count once.

    Raises:
        InputError: a location does not exist, contains no tables, or cannot be read.
        Unavailable: an object store did not respond.
    """
    files: dict[tuple[str, str], TableFile] = {}
    for location in locations:
        for file in _files_at(location, shown(location)):
            files.setdefault((file.filesystem.type_name, file.path), file)
    return tuple(files.values())


def shown(location: str) -> str:
    """``location`` for messages: without the key and secret that an s3:// URL can contain."""
    return re.sub(r"(?<=://)[^/@]*@", "", location)


def _files_at(location: str, name: str) -> Iterator[TableFile]:
    from pyarrow import fs

    filesystem, path = _resolve(location, name)
    try:
        info = filesystem.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            absent = why_absent(Path(path)) if isinstance(filesystem, fs.LocalFileSystem) else "does not exist"
            raise InputError(f"the file {name} {absent}; check the path")
        if info.type != fs.FileType.Directory:
            _check_kind(name, filesystem, path)
            yield _file(name, info, filesystem, _format_of(info.path) or FileFormat.CSV)
            return
        found = _inside(filesystem, path)
    except OSError as error:
        raise _cannot_read(name, error) from error
    yield from _in_folder(name, path, sorted(found, key=lambda each: str(each.path)), filesystem)


def _check_kind(name: str, filesystem: Any, path: str) -> None:
    from pyarrow import fs

    if isinstance(filesystem, fs.LocalFileSystem) and (what := kind_of(Path(path).stat().st_mode)) is not None:
        raise InputError(f"{name} is {what}, which is not read; give a regular file")


def _inside(filesystem: Any, folder: str) -> Sequence[Any]:
    """The contents of a folder at any depth; on a local disk each real file once, whatever links point to it."""
    from pyarrow import fs

    if not isinstance(filesystem, fs.LocalFileSystem):
        infos: Sequence[Any] = filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
        return infos
    paths = [str(path) for path in files_below(Path(folder), follow_links=True) if _format_of(str(path)) is not None]
    found: Sequence[Any] = filesystem.get_file_info(paths) if paths else []
    return found


def _in_folder(location: str, folder: str, found: Sequence[Any], filesystem: Any) -> Iterator[TableFile]:
    any_file = False
    for info in found:
        relative = info.path[len(folder) :].strip("/")
        file_format = _format_of(info.path)
        if not info.is_file or file_format is None or any(part.startswith((".", "_")) for part in relative.split("/")):
            continue
        any_file = True
        yield _file(f"{location.partition('?')[0].rstrip('/')}/{relative}", info, filesystem, file_format)
    if not any_file:
        raise InputError(f"the folder {location} has no .csv or .parquet file; name a file or another folder")


def _file(location: str, info: Any, filesystem: Any, file_format: FileFormat) -> TableFile:
    return TableFile(location, info.path, filesystem, info.size or 0, info.mtime_ns or 0, file_format)


def _resolve(location: str, name: str) -> tuple[Any, str]:
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in location:
        return fs.LocalFileSystem(), str(Path(location).expanduser().absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (pa.ArrowException, ValueError) as error:
        raise _no_address(name) from error
    except OSError as error:
        raise _cannot_read(name, error) from error
    if not path.strip("/"):
        raise _no_address(name)
    return filesystem, path


def _no_address(name: str) -> InputError:
    return InputError(f"the address {name} cannot be opened; give a path or s3://bucket/...")


def _format_of(path: str) -> FileFormat | None:
    name = path.lower()
    if name.endswith(_PARQUET_ENDINGS):
        return FileFormat.PARQUET
    return FileFormat.CSV if name.endswith(_CSV_ENDINGS) else None


def _cannot_read(location: str, error: OSError) -> InputError | Unavailable:
    if location.startswith("s3://"):
        return Unavailable(f"the file at {location} cannot be read now: {_first_line(error)}", source=SOURCE)
    return InputError(f"the file {location} cannot be read: {_first_line(error)}")


def _first_line(error: OSError) -> str:
    return (error.strerror or str(error)).partition("\n")[0][:200]

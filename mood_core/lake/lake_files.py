"""The files of a lake on a local disk or an object store: lists, opens, publishes and removes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pyarrow import fs

from mood_core.errors import BatchCorrupt, StoreError
from mood_core.lake.batch_files import SUFFIX
from mood_core.lake.foreign_files import foreign_files
from mood_core.lake.object_store import ahead, batches_below, whole_if_small
from mood_core.lake.publish import is_irregular, publish_locally, sweep_leftovers

Given = TypeVar("Given")
Found = TypeVar("Found")


class LakeFiles:
    """The files below one root."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        self._files = files
        self.root = root

    @property
    def is_local(self) -> bool:
        """Whether the lake is on a local disk."""
        return isinstance(self._files, fs.LocalFileSystem)

    def each(self, function: Callable[[Given], Found], given: Iterable[Given]) -> Iterator[Found]:
        """The results of ``function`` in the order of ``given``; on an object store, it runs in several threads."""
        return map(function, given) if self.is_local else ahead(function, given)

    def remove(self, path: str) -> None:
        """Delete the file at ``path`` if it exists.

        Raises:
            StoreError: The lake cannot be written.
        """
        try:
            self._files.delete_file(self._at(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{path} cannot be removed from the lake {self.root}: {error}") from error

    def foreign(self, *, since: datetime | None = None) -> list[str]:
        """Paths in the datasets' folders that are not batch files by their name: files, links, pipes and so on.

        ``since`` excludes earlier months.
        """
        return foreign_files(self._files, self.root, _month(since))

    def temporary_files(self) -> list[str]:
        """Paths of files that a running or crashed writer has not published; only on a local disk."""
        found = [*Path(self.root).glob("*/.*.draft"), *Path(self.root).glob("*/*/.*.draft")] if self.is_local else []
        return sorted(str(path.relative_to(self.root)) for path in found)

    def sweep(self, since: datetime | None = None) -> int:
        """Delete unpublished files and folders of crashed writers; returns their number.

        ``since`` excludes earlier months.
        """
        return sweep_leftovers(Path(self.root), _month(since)) if self.is_local else 0

    @contextmanager
    def _reading(self, path: str, *, keep_open: bool = False) -> Iterator[pa.NativeFile]:
        if self.is_local and is_irregular(Path(self._at(path))):
            raise BatchCorrupt(f"{path} is a folder, a link or a pipe; replace it by a regular file")
        try:
            source = self._files.open_input_file(self._at(path))
        except FileNotFoundError as error:
            raise BatchCorrupt(f"{path} is missing from the lake {self.root}") from error
        except OSError as error:
            raise BatchCorrupt(f"{path} cannot be read: {error}") from error
        try:
            yield source
        finally:
            if not keep_open:
                source.close()

    def _nearer(self, source: pa.NativeFile) -> pa.NativeFile:
        """``source``, or its content if reading that whole takes fewer requests."""
        return source if self.is_local else whole_if_small(source)

    def _found(self, dataset: str, since: datetime | None) -> list[str]:
        if since is None and not self.is_local:
            found = batches_below(self._files, self._at(dataset))
            batches = ((month, name) for month, name in found if month.startswith("month=") and _is_batch(name))
            return sorted(f"{dataset}/{month}/{name}" for month, name in batches)
        months = [info.base_name for info in self._list(dataset) if info.base_name.startswith("month=")]
        return sorted(path for month in months if month >= _month(since) for path in self._in(dataset, month))

    def _publish(self, path: str, content: pa.Buffer) -> None:
        try:
            if self.is_local:
                publish_locally(Path(self.root), path, content)
            else:
                # An upload becomes visible when it is complete.
                with self._files.open_output_stream(self._at(path)) as sink:
                    sink.write(content)
        except OSError as error:
            raise StoreError(f"the lake {self.root} cannot be written: {error}; {path} was not stored") from error

    def _in(self, dataset: str, month: str) -> Iterator[str]:
        yield from (
            f"{dataset}/{month}/{info.base_name}"
            for info in self._list(f"{dataset}/{month}")
            if _is_batch(info.base_name)
        )

    def _list(self, folder: str) -> list[fs.FileInfo]:
        infos: list[fs.FileInfo] = self._files.get_file_info(fs.FileSelector(self._at(folder), allow_not_found=True))
        return infos

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


def _is_batch(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def _month(since: datetime | None) -> str:
    return f"month={since.astimezone(UTC):%Y-%m}" if since else ""

"""The lake: a folder of immutable batch files that are published atomically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from mood_core.errors import BatchCorrupt, ConfigError, StoreError
from mood_core.files.outside import absolute
from mood_core.lake.batch_files import (
    SUFFIX,
    BatchFile,
    batch_file,
    is_compacted,
    listed,
    open_parquet,
    people_in,
    readable,
    tables_of,
)
from mood_core.lake.exchange import exchange_locally
from mood_core.lake.foreign_files import foreign_files
from mood_core.lake.publish import is_irregular, publish_locally, sweep_leftovers
from mood_core.lake.schema import DATASETS, Dataset

_BLOCK = 1 << 20
_CHUNK = 50_000


class Lake:
    """Batch files below one root, on a local disk or an object store."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        self._files = files
        self.root = root
        self._replaces: dict[str, tuple[str, ...]] = {}

    @property
    def is_local(self) -> bool:
        """Whether the lake is on a local disk."""
        return isinstance(self._files, fs.LocalFileSystem)

    def write(self, dataset: Dataset, table: pa.Table, *, created_at: datetime) -> BatchFile:
        """Publish the rows of ``table`` as one immutable file and return its ledger entry.

        Idempotent: the same rows with the same ``created_at`` make the same file.

        Raises:
            BatchCorrupt: The rows do not match the dataset's schema.
            StoreError: The lake cannot be written.
        """
        file, content = batch_file(dataset, table, created_at)
        self._publish(file.path, content)
        return file

    def read(self, path: str) -> tuple[BatchFile, pa.Table]:
        """The batch at ``path`` (relative to the root) and its rows in the dataset's schema.

        Raises:
            BatchCorrupt: The file is missing, damaged or renamed, or has another schema version.
        """
        file, tables = self.stream(path)
        rows = list(tables)
        return file, pa.concat_tables(rows).unify_dictionaries() if rows else DATASETS[
            file.dataset
        ].schema.empty_table()

    def stream(self, path: str) -> tuple[BatchFile, Iterator[pa.Table]]:
        """Like :meth:`read`, with the rows in tables of up to 50,000 and constant memory.

        Raises:
            BatchCorrupt: As for :meth:`read`; for a damaged page when its rows are reached.
        """
        digest, size = sha256(), 0
        with self._reading(path) as source:
            while block := source.read(_BLOCK):
                digest.update(block)
                size += len(block)
        with self._reading(path, keep_open=True) as source:
            file, parquet = open_parquet(path, source, digest.hexdigest(), size)
        return file, tables_of(file, parquet, _CHUNK)

    def paths(self, dataset: str, *, since: datetime | None = None) -> list[str]:
        """Paths of the dataset's batches, oldest first; ``since`` excludes earlier months.

        Batches that a compacted file replaces are excluded, even while both files exist.
        """
        found = self._found(dataset, since)
        replaced = set(self._superseded(found))
        return [path for path in found if path not in replaced]

    def is_empty(self) -> bool:
        """Whether the lake has no batches and no foreign files."""
        return not any(map(self.paths, DATASETS)) and not self.foreign()

    def superseded(self, dataset: str) -> list[str]:
        """Paths of existing batches that a compacted file replaces."""
        return self._superseded(self._found(dataset, None))

    def compact(
        self, dataset: Dataset, table: pa.Table, replaced: Sequence[BatchFile], *, inherited: Sequence[str] = ()
    ) -> BatchFile:
        """Publish one file in place of ``replaced``, which contain the rows of ``table`` and are of one month.

        ``inherited`` are ids of batches that ``replaced`` replace themselves and that the ledger may still contain.

        On a local disk the month's folder changes atomically if the system can exchange two folders: a listing shows
        the old files or the new file. Otherwise the new file is published first, and :meth:`paths` excludes the files
        it replaces. The old files are deleted afterwards.

        Raises:
            StoreError: The lake cannot be written.
        """
        replaces = (*(file.batch_id for file in replaced), *inherited)
        made, content = batch_file(dataset, table, max(file.created_at for file in replaced), replaces)
        old = [file.path for file in replaced if file.path != made.path]
        if not self._exchanged(made.path, content, old):
            self._publish(made.path, content)
            for each in old:
                self.remove(each)
        return made

    @contextmanager
    def opened(self, path: str) -> Iterator[pq.ParquetFile]:
        """The file at ``path``, to read some of its columns and rows; its digest is not checked.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
        """
        with self._reading(path) as source:
            with readable(path):
                parquet = pq.ParquetFile(source, page_checksum_verification=True)
            yield parquet

    def copy(self, path: str, folder: Path) -> int:
        """Copy the file at ``path`` to the same path below the local ``folder``; returns its size in bytes.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
            OSError: The copy cannot be written.
        """
        with self._reading(path) as source:
            content = source.read_buffer()
        publish_locally(folder, path, content)
        return int(content.size)

    def people(self, path: str) -> set[str]:
        """The ids of the people in the file at ``path``; reads only that column.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
        """
        with self._reading(path) as source:
            return people_in(path, source)

    def model_versions(self, path: str) -> tuple[str, ...]:
        """The model versions of the labels in the file at ``path``, from its metadata.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
        """
        with self._reading(path) as source:
            return listed(path, source, "model_version")

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

    def _found(self, dataset: str, since: datetime | None) -> list[str]:
        months = [info.base_name for info in self._list(dataset) if info.base_name.startswith("month=")]
        return sorted(path for month in months if month >= _month(since) for path in self._in(dataset, month))

    def _superseded(self, paths: list[str]) -> list[str]:
        present = {path.rpartition("/")[2].removesuffix(SUFFIX): path for path in paths}
        replaced = (id_ for path in paths if is_compacted(path) for id_ in self.replaces(path))
        return sorted(present[id_] for id_ in replaced if id_ in present)

    def replaces(self, path: str) -> tuple[str, ...]:
        """The ids of the batches that the file at ``path`` replaces; empty unless it is compacted."""
        if not is_compacted(path):
            return ()
        if path not in self._replaces:
            with self._reading(path) as source:
                self._replaces[path] = listed(path, source, "replaces")
        return self._replaces[path]

    def _exchanged(self, path: str, content: pa.Buffer, old: Sequence[str]) -> bool:
        try:
            return self.is_local and exchange_locally(Path(self.root), path, content, old)
        except OSError as error:
            raise StoreError(f"the lake {self.root} cannot be written: {error}; run this again") from error

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
            if info.base_name.endswith(SUFFIX) and not info.base_name.startswith(".")
        )

    def _list(self, folder: str) -> list[fs.FileInfo]:
        infos: list[fs.FileInfo] = self._files.get_file_info(fs.FileSelector(self._at(folder), allow_not_found=True))
        return infos

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


def _month(since: datetime | None) -> str:
    return f"month={since.astimezone(UTC):%Y-%m}" if since else ""


def open_lake(url: str) -> Lake:
    """Open the lake at ``url``: a local path or ``s3://bucket/prefix`` (endpoint and keys from the AWS environment).

    Raises:
        ConfigError: The URL has another form.
    """
    if "://" not in url:
        return Lake(fs.LocalFileSystem(), str(absolute(Path(url))))
    if not url.startswith("s3://"):
        raise ConfigError(f"MOODLOG_LAKE_URL is {url}; set it to a local path or s3://bucket/prefix")
    try:
        files, root = fs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"MOODLOG_LAKE_URL {url} cannot be opened: {error}") from error
    return Lake(files, root.rstrip("/"))

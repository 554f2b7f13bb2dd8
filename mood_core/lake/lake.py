"""The lake: a folder of immutable batch files that are published atomically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from mood_core.errors import ConfigError, StoreError
from mood_core.files.outside import absolute
from mood_core.lake.batch_files import (
    SUFFIX,
    BatchFile,
    batch_file,
    is_compacted,
    listed,
    open_parquet,
    readable,
    tables_of,
    values_in,
)
from mood_core.lake.exchange import exchange_locally
from mood_core.lake.lake_files import LakeFiles
from mood_core.lake.object_store import whole
from mood_core.lake.publish import publish_locally
from mood_core.lake.schema import DATASETS, Dataset

_BLOCK = 1 << 20
_CHUNK = 50_000


class Lake(LakeFiles):
    """Batch files below one root, on a local disk or an object store."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        super().__init__(files, root)
        self._replaces: dict[str, tuple[str, ...]] = {}

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
        """Like :meth:`read`, with the rows in tables of up to 50,000. Memory is constant, or the bytes of an object.

        Raises:
            BatchCorrupt: As for :meth:`read`; for a damaged page when its rows are reached.
        """
        digest, size = sha256(), 0
        with self._reading(path, keep_open=True) as opened:
            source = opened if self.is_local else whole(opened)
            while block := source.read(_BLOCK):
                digest.update(block)
                size += len(block)
            source.seek(0)
            file, parquet = open_parquet(path, source, digest.hexdigest(), size)
        return file, tables_of(file, parquet, _CHUNK)

    def paths(self, dataset: str, *, since: datetime | None = None) -> list[str]:
        """Paths of the dataset's batches, oldest first; ``since`` excludes earlier months.

        Batches that a compacted file replaces are excluded, even while both files exist.
        """
        return self.current_and_superseded(dataset, since=since)[0]

    def current_and_superseded(self, dataset: str, *, since: datetime | None = None) -> tuple[list[str], list[str]]:
        """The results of :meth:`paths` and :meth:`superseded` by one listing."""
        found = self._found(dataset, since)
        superseded = self._superseded(found)
        replaced = set(superseded)
        return [path for path in found if path not in replaced], superseded

    def is_empty(self) -> bool:
        """Whether the lake has no batches and no foreign files."""
        return not any(map(self.paths, DATASETS)) and not self.foreign()

    def superseded(self, dataset: str) -> list[str]:
        """Paths of existing batches that a compacted file replaces."""
        return self.current_and_superseded(dataset)[1]

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
        self._replaces[made.path] = replaces
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
                parquet = pq.ParquetFile(self._nearer(source), page_checksum_verification=True)
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
        return self.values(path, "user_id")

    def values(self, path: str, column: str) -> set[str]:
        """The values of the text ``column`` in the file at ``path``; reads only that column. Empty without it.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
        """
        with self._reading(path) as source:
            return values_in(path, self._nearer(source), column)

    def model_versions(self, path: str) -> tuple[str, ...]:
        """The model versions of the labels in the file at ``path``, from its metadata.

        Raises:
            BatchCorrupt: The file is missing or cannot be read.
        """
        with self._reading(path) as source:
            return listed(path, self._nearer(source), "model_version")

    def _superseded(self, paths: list[str]) -> list[str]:
        present = {path.rpartition("/")[2].removesuffix(SUFFIX): path for path in paths}
        replaced = self.each(self.replaces, [path for path in paths if is_compacted(path)])
        return sorted({present[id_] for ids in replaced for id_ in ids if id_ in present})

    def replaces(self, path: str) -> tuple[str, ...]:
        """The ids of the batches that the file at ``path`` replaces; empty unless it is compacted."""
        if not is_compacted(path):
            return ()
        if path not in self._replaces:
            with self._reading(path) as source:
                self._replaces[path] = listed(path, self._nearer(source), "replaces")
        return self._replaces[path]

    def _exchanged(self, path: str, content: pa.Buffer, old: Sequence[str]) -> bool:
        try:
            return self.is_local and exchange_locally(Path(self.root), path, content, old)
        except OSError as error:
            raise StoreError(f"the lake {self.root} cannot be written: {error}; run this again") from error


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
        # A small file is then published by one request instead of the three of an upload in parts.
        files, root = fs.FileSystem.from_uri(f"{url}{'&' if '?' in url else '?'}allow_delayed_open=true")
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"MOODLOG_LAKE_URL {url} cannot be opened: {error}") from error
    return Lake(files, root.rstrip("/"))

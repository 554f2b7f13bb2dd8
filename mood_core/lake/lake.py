"""The lake: a folder of batch files that are published whole or not at all, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from mood_core.errors import BatchCorrupt, ConfigError, StoreError
from mood_core.lake.batch_files import SUFFIX, BatchFile, batch_id_of, conform, from_parquet, path_of, to_parquet
from mood_core.lake.publish import publish_locally, sweep_leftovers
from mood_core.schema import SCHEMA_VERSION, Dataset


class Lake:
    """Batch files below one root, on a local disk or an object store."""

    def __init__(self, files: fs.FileSystem, root: str) -> None:
        self._files = files
        self.root = root

    @property
    def is_local(self) -> bool:
        """Whether the lake lies on a local disk."""
        return isinstance(self._files, fs.LocalFileSystem)

    def write(self, dataset: Dataset, table: pa.Table, *, created_at: datetime) -> BatchFile:
        """Publish the rows of ``table`` as one immutable file and return what the ledger needs to know of it.

        The same rows at the same ``created_at`` make the same file: writing them twice changes nothing.

        Raises:
            BatchCorrupt: The rows do not fit the dataset's schema.
            StoreError: The lake cannot be written.
        """
        rows = conform(dataset, table)
        batch_id = batch_id_of(rows, created_at)
        path = path_of(dataset.name, batch_id, created_at)
        content = to_parquet(dataset, rows, batch_id, created_at)
        self._publish(path, content)
        return BatchFile(
            batch_id,
            dataset.name,
            path,
            sha256=sha256(memoryview(content)).hexdigest(),
            row_count=rows.num_rows,
            byte_count=content.size,
            schema_version=SCHEMA_VERSION,
            created_at=created_at.astimezone(UTC),
        )

    def read(self, path: str) -> tuple[BatchFile, pa.Table]:
        """The batch at ``path`` (relative to the root), described and in its dataset's schema.

        Raises:
            BatchCorrupt: The file is missing, damaged, renamed or of another schema version.
        """
        try:
            with self._files.open_input_file(self._at(path)) as file:
                content = file.read_buffer()
        except FileNotFoundError as error:
            raise BatchCorrupt(f"{path} is missing from the lake {self.root}") from error
        except OSError as error:
            raise BatchCorrupt(f"{path} cannot be read: {error}") from error
        return from_parquet(path, content)

    def paths(self, dataset: str, *, since: datetime | None = None) -> list[str]:
        """Paths of the dataset's batches, oldest first; with ``since``, only months from its month on are looked at."""
        first = f"month={since.astimezone(UTC):%Y-%m}" if since else ""
        return sorted(path for month in self._months(dataset) if month >= first for path in self._in(dataset, month))

    def sweep(self) -> int:
        """Remove what crashed writers left unpublished more than a day ago; returns how many files went."""
        return sweep_leftovers(Path(self.root)) if self.is_local else 0

    def _publish(self, path: str, content: pa.Buffer) -> None:
        try:
            if self.is_local:
                publish_locally(Path(self.root), path, content)
            else:
                # One upload becomes visible when it is complete, and not before.
                with self._files.open_output_stream(self._at(path)) as sink:
                    sink.write(content)
        except OSError as error:
            raise StoreError(f"the lake {self.root} cannot be written: {error}; nothing of {path} was kept") from error

    def _months(self, dataset: str) -> Iterator[str]:
        yield from (info.base_name for info in self._list(dataset) if info.base_name.startswith("month="))

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


def open_lake(url: str) -> Lake:
    """Open the lake at ``url``: a local path or ``s3://bucket/prefix`` (endpoint and keys from the AWS environment).

    Raises:
        ConfigError: The address is of another kind.
    """
    if "://" not in url:
        return Lake(fs.LocalFileSystem(), str(Path(url).expanduser().resolve()))
    if not url.startswith("s3://"):
        raise ConfigError(f"MOODLOG_LAKE_URL is {url}; a lake is a local path or s3://bucket/prefix")
    try:
        files, root = fs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"MOODLOG_LAKE_URL {url} cannot be opened: {error}") from error
    return Lake(files, root.rstrip("/"))

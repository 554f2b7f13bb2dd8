"""Names, metadata and serialisation of batch files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq

from mood_core.domain.records import from_ms, to_ms
from mood_core.errors import BatchCorrupt
from mood_core.lake.row_rules import check_rows
from mood_core.lake.schema import DATASETS, SCHEMA_VERSION, Dataset

SUFFIX = ".parquet"
_META = "moodlog."
_VALUES_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A published batch and its ledger entry.

    ``path`` is relative to the lake's root, ``sha256`` the hex digest of the whole file; ``created_at`` orders batches.
    A compacted file contains the rows of the batches it ``replaces``.
    """

    batch_id: str
    dataset: str
    path: str
    sha256: str
    row_count: int
    byte_count: int
    schema_version: int
    created_at: datetime
    replaces: tuple[str, ...] = ()


def conform(dataset: Dataset, table: pa.Table, *, is_sorted: bool = False) -> pa.Table:
    """``table`` in the dataset's exact schema, sorted by its key unless it ``is_sorted`` already.

    Raises:
        BatchCorrupt: A column is missing, has another type, contains forbidden nulls, or violates a rule.
    """
    try:
        plain = _with_every_column(dataset, table).select(dataset.schema.names).cast(_plain(dataset.schema))
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise BatchCorrupt(f"rows do not match the dataset {dataset.name}: {error}") from error
    for field in dataset.schema:
        if not field.nullable and plain.column(field.name).null_count:
            raise BatchCorrupt(f"rows of {dataset.name} have no {field.name}")
    whole = plain.combine_chunks()
    ordered = whole if is_sorted else whole.sort_by([(name, "ascending") for name in dataset.key])
    columns = [
        ordered.column(field.name).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else ordered.column(field.name)
        for field in dataset.schema
    ]
    conformed = pa.Table.from_arrays(columns, schema=dataset.schema)
    check_rows(dataset, conformed)
    return conformed


def _with_every_column(dataset: Dataset, table: pa.Table) -> pa.Table:
    """``table`` with empty values for columns that may be empty and that it, perhaps of an older moodlog, lacks."""
    for field in dataset.schema:
        if field.nullable and field.name not in table.schema.names:
            table = table.append_column(field.name, pa.nulls(table.num_rows, field.type))
    return table


def _plain(schema: pa.Schema) -> pa.Schema:
    """``schema`` without dictionaries and with nullable fields, so that nulls are reported per field."""
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.schema(list(zip(schema.names, kinds, strict=True)))


def batch_file(
    dataset: Dataset, table: pa.Table, created_at: datetime, replaces: tuple[str, ...] = ()
) -> tuple[BatchFile, pa.Buffer]:
    """The batch file with the rows of ``table``, in place of the batches ``replaces``, and its bytes.

    Raises:
        BatchCorrupt: The rows do not match the dataset.
    """
    rows = conform(dataset, table)
    batch_id = batch_id_of(rows, created_at, compacted=bool(replaces))
    content = to_parquet(dataset, rows, batch_id, created_at, replaces)
    file = BatchFile(
        batch_id,
        dataset.name,
        path_of(dataset.name, batch_id, created_at),
        sha256=sha256(memoryview(content)).hexdigest(),
        row_count=rows.num_rows,
        byte_count=content.size,
        schema_version=SCHEMA_VERSION,
        created_at=created_at.astimezone(UTC),
        replaces=replaces,
    )
    return file, content


def batch_id_of(table: pa.Table, created_at: datetime, *, compacted: bool = False) -> str:
    """A deterministic id that sorts by time: ``20261124T081300123Z-<16 hex digits>``.

    The id of a compacted file has a ``c`` before the digits, so that a listing shows which files replace others.
    """
    digest = sha256()
    with pa.ipc.new_stream(_Digesting(digest), table.schema) as stream:
        stream.write_table(table.combine_chunks())
    stamp = f"{created_at.astimezone(UTC):%Y%m%dT%H%M%S}{to_ms(created_at) % 1000:03d}Z"
    return f"{stamp}-{'c' * compacted}{digest.hexdigest()[:16]}"


def is_compacted(path: str) -> bool:
    """Whether a batch file replaces others, by its name."""
    return "Z-c" in path.rpartition("/")[2] and len(path.rpartition("-")[2]) == len(f"c{'0' * 16}{SUFFIX}")


def path_of(dataset: str, batch_id: str, created_at: datetime) -> str:
    """``<dataset>/month=YYYY-MM/<batch id>.parquet``: Hive partitions by the month of writing."""
    return f"{dataset}/month={created_at.astimezone(UTC):%Y-%m}/{batch_id}{SUFFIX}"


def to_parquet(
    dataset: Dataset, table: pa.Table, batch_id: str, created_at: datetime, replaces: Sequence[str] = ()
) -> pa.Buffer:
    """The bytes of a batch file: zstd, dictionaries for ids, deltas for times, and its identity as metadata.

    Every page has a checksum, so that a flipped bit is detected without the ledger.
    """
    metadata = {
        _META + "batch_id": batch_id,
        _META + "dataset": dataset.name,
        _META + "schema_version": str(SCHEMA_VERSION),
        _META + "created_at_ms": str(to_ms(created_at)),
    }
    if replaces:
        metadata[_META + "replaces"] = ",".join(replaces)
    if "model_version" in table.schema.names:
        metadata[_META + "model_version"] = ",".join(sorted(table["model_version"].unique().to_pylist()))
    deltas = [field.name for field in dataset.schema if pa.types.is_timestamp(field.type)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(metadata),
        sink,
        compression="zstd",
        use_dictionary=[field.name for field in dataset.schema if pa.types.is_dictionary(field.type)],
        column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
    )
    return sink.getvalue()


def open_parquet(path: str, source: pa.NativeFile, digest: str, byte_count: int) -> tuple[BatchFile, pq.ParquetFile]:
    """Open the batch file ``source``; ``path`` is its path in the lake, ``digest`` its sha256.

    Raises:
        BatchCorrupt: It is not Parquet, not from moodlog, has another schema version, or was renamed.
    """
    with readable(path):
        parquet = pq.ParquetFile(source, page_checksum_verification=True)
        found = parquet.schema_arrow.metadata or {}
        metadata = {key.decode(): value.decode() for key, value in found.items()}
    return _described(path, metadata, digest, parquet.metadata.num_rows, byte_count), parquet


def tables_of(file: BatchFile, parquet: pq.ParquetFile, chunk: int) -> Iterator[pa.Table]:
    """The rows of a batch file in tables of up to ``chunk`` rows, in their dataset's schema.

    Raises:
        BatchCorrupt: A page is damaged, or rows do not match the dataset.
    """
    with readable(file.path):
        for batch in parquet.iter_batches(chunk):
            yield conform(DATASETS[file.dataset], pa.Table.from_batches([batch]), is_sorted=True)


def listed(path: str, source: pa.NativeFile, name: str) -> tuple[str, ...]:
    """The list in a batch file's metadata ``name`` (``replaces`` or ``model_version``); empty without it.

    Raises:
        BatchCorrupt: It is not a Parquet file.
    """
    with readable(path):
        metadata = pq.ParquetFile(source).schema_arrow.metadata or {}
    return tuple(filter(None, metadata.get(f"{_META}{name}".encode(), b"").decode().split(",")))


def values_in(path: str, source: pa.NativeFile, column: str) -> set[str]:
    """The distinct values of the text ``column``; empty without the column.

    Raises:
        BatchCorrupt: It is not a Parquet file, or a page is damaged.
    """
    found: set[str] = set()
    with readable(path):
        parquet = pq.ParquetFile(source, page_checksum_verification=True)
        if column in parquet.schema_arrow.names:
            for batch in parquet.iter_batches(_VALUES_CHUNK, columns=[column]):
                found.update(batch.column(0).cast(pa.string()).unique().to_pylist())
    return found - {None}


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Report whatever PyArrow finds wrong with the file at ``path`` as :class:`BatchCorrupt`."""
    try:
        yield
    except BatchCorrupt as error:
        raise BatchCorrupt(f"{path}: {error.message}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BatchCorrupt(f"{path} is not a readable Parquet file: {error}") from error


def _described(path: str, metadata: dict[str, str], digest: str, row_count: int, byte_count: int) -> BatchFile:
    try:
        batch_id, dataset = metadata[_META + "batch_id"], metadata[_META + "dataset"]
        version, created = int(metadata[_META + "schema_version"]), from_ms(int(metadata[_META + "created_at_ms"]))
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise BatchCorrupt(f"{path} is Parquet, but not a batch that moodlog wrote") from error
    if version != SCHEMA_VERSION:
        raise BatchCorrupt(f"{path} has schema version {version}; this moodlog reads {SCHEMA_VERSION}")
    if dataset not in DATASETS or path_of(dataset, batch_id, created) != path:
        raise BatchCorrupt(f"{path} was renamed, moved or copied: it is batch {batch_id} of {dataset}")
    replaces = tuple(filter(None, metadata.get(_META + "replaces", "").split(",")))
    return BatchFile(batch_id, dataset, path, digest, row_count, byte_count, version, created, replaces)


class _Digesting:
    """A file that only computes the digest of its content."""

    closed = False

    def __init__(self, digest: object) -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)  # type: ignore[attr-defined]
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

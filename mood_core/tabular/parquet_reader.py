"""Reads only the required columns of a Parquet file, under their own names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mood_core.errors import InputError
from mood_core.files.outside import MOST_RATIO
from mood_core.tabular.columns import recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from mood_core.tabular.columns import Columns
    from mood_core.tabular.files import TableFile

READ_BUFFER = 1 << 20
"""Readahead per column, bytes: row groups of any size are streamed."""

_BATCH_ROWS = 1 << 15
_SAMPLE_ROWS = 1 << 13
_MOST_ROWS = 10_000_000
_LARGE_GROUP = 1 << 28


@contextmanager
def open_parquet(file: TableFile) -> Iterator[Any]:
    """``file`` as an open ``pyarrow.parquet.ParquetFile``.

    Raises:
        InputError: it is empty, truncated, or not Parquet.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if file.size == 0:
        raise InputError(f"{file.location}: the file is empty (0 bytes)")
    try:
        with (
            file.open() as stream,
            parquet.ParquetFile(stream, buffer_size=READ_BUFFER, pre_buffer=False) as opened,
        ):
            _check_size(file, opened.metadata)
            yield opened
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise InputError(f"{file.location}: the file cannot be read as Parquet ({reason})") from error


def _check_size(file: TableFile, metadata: Any) -> None:
    """Refuse files that unpack to far more than any table of tracks."""
    if metadata.num_rows > max(_MOST_ROWS, MOST_RATIO * file.size):
        raise InputError(f"{file.location}: {metadata.num_rows:,} rows are too many for its size; write the file again")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        packed = sum(group.column(column).total_compressed_size for column in range(group.num_columns))
        if group.total_byte_size > max(MOST_RATIO * packed, _LARGE_GROUP):
            raise InputError(
                f"{file.location}: row group {number + 1} unpacks to more than {MOST_RATIO} times its size; write the"
                " file again"
            )


def parquet_columns(file: TableFile, *, labelled: bool = False) -> Columns:
    """Recognise the columns of ``file``. ``labelled``: whether it must have moods instead of ids.

    Raises:
        InputError: it is not Parquet, or a required column is missing.
    """
    with open_parquet(file) as opened:
        return recognise(opened.schema_arrow.names, file.location, labelled=labelled)


def parquet_batches(file: TableFile, names: Sequence[str], at_byte: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """The columns ``names`` of ``file``, in file order. ``at_byte`` receives the approximate position, in bytes.

    Raises:
        InputError: the file cannot be read.
    """
    with open_parquet(file) as opened:
        total = max(opened.metadata.num_rows, 1)
        done = 0
        for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=list(names)):
            done += batch.num_rows
            at_byte(file.size * done // total)
            yield _valid(batch.select(list(names)))


def parquet_sample(file: TableFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Up to 8,192 rows from each of the first, middle and last row groups of ``file``.

    Raises:
        InputError: the file cannot be read.
    """
    with open_parquet(file) as opened:
        groups = opened.num_row_groups
        for group in sorted({0, groups // 2, groups - 1} & set(range(groups))):
            batches = opened.iter_batches(batch_size=_SAMPLE_ROWS, row_groups=[group], columns=list(names))
            first = next(batches, None)
            if first is not None:
                yield _valid(first.select(list(names)))


def _valid(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)  # Parquet text may be invalid UTF-8
    return batch

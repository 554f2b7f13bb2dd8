"""Looks up tracks in a catalogue file; reads only the row groups that may contain them, in small batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mood_core.domain.recordings import normalised_isrc
from mood_core.domain.records import FEATURES
from mood_core.errors import InputError
from mood_core.features.catalog.convert import convert
from mood_core.tabular.cells import choose_id_column, feature_values, is_bare, is_plain_number
from mood_core.tabular.feature_rows import TEXTS
from mood_core.tabular.files import FileFormat
from mood_core.tabular.parquet_reader import READ_BUFFER, parquet_columns, parquet_sample
from mood_core.tabular.unit_checks import ColumnCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mood_core.tabular.files import TableFile

_BATCH_ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A Parquet file for lookups by bare track id or by ISRC: the person's file or a conversion of it.

    Attributes:
        name: the person's file, for provenance.
        path: the path of the Parquet file in ``filesystem``.
        columns: the Parquet column names by moodlog's names.
    """

    name: str
    path: str
    filesystem: Any
    columns: Mapping[str, str]

    def rows(self, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
        """The rows of the tracks ``ids`` as (track id, values by feature name), in file order, including duplicates.

        Raises:
            InputError: the file is no longer readable.
        """
        for row in self._rows("track_id", ids):
            yield str(row["track_id"]), row

    def rows_by_isrc(self, isrcs: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
        """The rows of recordings as (normalised ISRC, values), like :meth:`rows`; empty without a column for it."""
        if "isrc" in self.columns and isrcs:
            for row in self._rows("isrc", isrcs):
                yield normalised_isrc(row["isrc"]) or "", row

    def _rows(self, key: str, wanted: Sequence[str]) -> Iterator[dict[str, object]]:
        import pyarrow as pa

        try:
            for batch in self._batches(key, wanted):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise InputError(
                f"the file {self.name} cannot be read ({reason}); check it with `moodlog catalog check`"
            ) from error

    def _batches(self, key: str, keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import dataset

        streamed = dataset.ParquetFragmentScanOptions(
            use_buffered_stream=True, buffer_size=READ_BUFFER, pre_buffer=False
        )
        file_format = dataset.ParquetFileFormat(default_fragment_scan_options=streamed)
        parquet = dataset.dataset(self.path, format=file_format, filesystem=self.filesystem)
        field = pc.field(self.columns[key])
        if key == "isrc":  # row group statistics exclude nothing here: the whole column is read
            field = pc.utf8_upper(pc.replace_substring_regex(field, pattern="[- ]", replacement=""))
        wanted = field.isin(pa.array(keys, pa.string()))
        columns = {ours: pc.field(theirs) for ours, theirs in self.columns.items()}
        # Little readahead keeps memory constant; row group statistics exclude most of the file.
        scanner = parquet.scanner(
            columns=columns, filter=wanted, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        )
        return iter(scanner.to_batches())


def open_table(file: TableFile, cache: Path, progress: Callable[[float], None]) -> LookupTable:
    """Check ``file`` and open it for lookups: directly if possible, otherwise converted into ``cache``.

    Raises:
        InputError: the file is invalid.
        ConfigError: the cache folder cannot be written.
    """
    if file.format is FileFormat.PARQUET and (own := _direct_columns(file)) is not None:
        return LookupTable(file.name, file.path, file.filesystem, own)
    from pyarrow import fs

    converted = convert(file, cache, progress)
    names = {name: name for name in ("track_id", *FEATURES, *TEXTS)}
    return LookupTable(file.name, str(converted), fs.LocalFileSystem(), names)


def _direct_columns(file: TableFile) -> dict[str, str] | None:
    """The Parquet column names by moodlog's, or None if it needs a conversion; bare ids and numbers do not."""
    columns = parquet_columns(file)
    names: dict[str, str] = {}
    check: ColumnCheck | None = None
    for batch in parquet_sample(file, columns.all_names()):
        if check is None:
            names = columns.of(choose_id_column(batch, columns, file.location))
            check = ColumnCheck(file.location, names)
        if not _as_it_is(batch, names):
            return None
        check.add(feature_values(batch, names, check))
    (check := check or ColumnCheck(file.location, {})).finish()
    return {ours: theirs for ours, theirs in names.items() if ours not in check.dropped}


def _as_it_is(batch: pa.RecordBatch, names: Mapping[str, str]) -> bool:
    numbers = (batch.column(names[name]).type for name in FEATURES if name in names)
    codes_are_text = "isrc" not in names or str(batch.column(names["isrc"]).type) == "string"
    return codes_are_text and is_bare(batch.column(names["track_id"])) and all(map(is_plain_number, numbers))

"""Streams a CSV file as text columns; handles delimiter, encoding, compression and damaged rows."""

from __future__ import annotations

import csv
import io
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mood_core.errors import InputError
from mood_core.files.outside import BoundedUnpacking
from mood_core.tabular.columns import Columns, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from mood_core.tabular.files import TableFile

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22
_DELIMITERS = (",", ";", "\t", "|")
_MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "-"]
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True)
class CsvForm:
    """The format of a CSV file, the columns to read, and the names of all columns."""

    delimiter: str
    encoding: str
    columns: Columns
    header: Sequence[str]

    def has_swallowed_rows(self, cell: str) -> bool:
        """Whether ``cell`` of the last column has the following rows in it, because its quote is not closed."""
        return any(line.count(self.delimiter) >= len(self.header) - 1 for line in cell.splitlines()[1:])


@dataclass(slots=True)
class DamagedRows:
    """Rows with the wrong number of cells: the number of skipped rows, and the first one's row number and start."""

    count: int = 0
    row: int | None = None
    example: str = ""
    runaway: bool = False

    def note(self, row: Any) -> str:
        """Record pyarrow's ``InvalidRow``; returning "skip" skips it."""
        self.count += 1
        self.row = self.row or row.number
        self.example = self.example or row.text.partition("\n")[0][:60]
        # An unclosed quote turns the following lines into one row.
        is_open = "\n" in row.text.strip() and row.text.count('"') % 2 == 1
        self.runaway = self.runaway or is_open or row.text.count("\n") > 20
        return "skip"

    def note_open_quote(self, row: int, cell: str) -> None:
        """Record the last row that was read: the quote in its ``cell`` is not closed, so it contains all later rows."""
        self.row, self.example, self.runaway = row, f'"{cell.partition(chr(10))[0][:60]}', True


def csv_form(file: TableFile, *, labelled: bool = False) -> CsvForm:
    """Detect the format of ``file`` from its start. ``labelled``: whether it must have moods instead of ids.

    Raises:
        InputError: it is empty or binary, or a required column is missing.
    """
    head = _head(file)
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")
    if head.startswith(b"PAR1") or (encoding == "utf-8" and b"\0" in head):
        raise InputError(f"{file.location}: this is a binary file, not a CSV; rename Parquet files to .parquet")
    header = _header_line(head, encoding, file)
    delimiter, names = max(_split_every_way(header), key=lambda each: len(each[1]))
    return CsvForm(delimiter, encoding, recognise(names, file.location, labelled=labelled), names)


def csv_batches(
    file: TableFile,
    form: CsvForm,
    damaged: DamagedRows,
    at_byte: Callable[[int], None],
    names: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The columns ``names`` of ``form`` as text (null for missing values), under the file's own names.

    ``at_byte`` receives the position in the file, in bytes.

    Raises:
        InputError: the file is not a valid CSV.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = list(names or form.columns.all_names())
    last = form.header[-1] if len(form.header) > 1 and form.header.count(form.header[-1]) == 1 else names[-1]
    read = list(dict.fromkeys([*names, last]))
    rows, cell = 0, ""
    try:
        with (
            file.open() as raw,
            _decompressed(raw, file) as stream,
            _uncounted_undecodable_rows(damaged.note),
        ):
            reader = arrow_csv.open_csv(
                stream,
                read_options=arrow_csv.ReadOptions(
                    block_size=_BLOCK_BYTES,
                    encoding=form.encoding,
                    use_threads=False,  # with threads, damaged rows have no number
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=damaged.note
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=read,
                    column_types=dict.fromkeys(read, pa.string()),
                    null_values=_MISSING,
                    strings_can_be_null=True,
                ),
            )
            for batch in reader:
                at_byte(raw.tell())
                rows += batch.num_rows
                cell = batch.column(last)[-1].as_py() or "" if batch.num_rows else cell
                yield batch.select(names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error, rows + damaged.count + 1) from error
    if form.has_swallowed_rows(cell):
        damaged.note_open_quote(rows + damaged.count + 1, cell)


@contextmanager
def _uncounted_undecodable_rows(handler: Callable[[Any], str]) -> Iterator[None]:
    """Suppress the traceback of pyarrow, which cannot pass a damaged row to ``handler`` if it is not UTF-8.

    pyarrow then raises an error, which is reported as an error of the file.
    """
    hook = sys.unraisablehook
    sys.unraisablehook = lambda error: None if error.object == handler else hook(error)
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _head(file: TableFile) -> bytes:
    try:
        with file.open() as raw, _decompressed(raw, file) as stream:
            head = bytes(stream.read(_HEAD_BYTES))
    except OSError as error:
        raise _unreadable(file, error, 1) from error
    if not head.strip():
        raise InputError(f"{file.location}: the file is empty (0 bytes of data)")
    return head


def _decompressed(raw: Any, file: TableFile) -> Any:
    import pyarrow as pa

    codecs = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
    codec = next((codec for ending, codec in codecs.items() if file.path.lower().endswith(ending)), None)
    return raw if codec is None else BoundedUnpacking(file.location, pa.CompressedInputStream(raw, codec), raw)


def _header_line(head: bytes, encoding: str, file: TableFile) -> str:
    # A multi-byte character may be truncated at the end of the sample, after the header.
    # Only one byte-order mark is removed from the first name.
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff" if encoding == "utf-8" else "")
    line = next((line for line in io.StringIO(text, newline=None) if line.strip()), "").rstrip("\n")
    if "\ufffd" in line or (not line.isprintable() and not line.replace("\t", "").isprintable()):
        raise InputError(f"{file.location}: the header is not text in UTF-8; save the file as CSV in UTF-8")
    return line


def _split_every_way(header: str) -> Iterator[tuple[str, list[str]]]:
    for delimiter in _DELIMITERS:
        yield delimiter, next(csv.reader([header], delimiter=delimiter))


def _unreadable(file: TableFile, error: Exception, row: int) -> InputError:
    if "straddling" in str(error) or "block_size" in str(error):
        return InputError(
            f"{file.location}, row {row:,}: the row is longer than {_BLOCK_BYTES >> 20} MB; close the open quote"
            " there, or remove the row"
        )
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error) or "UTF-8" in str(error):
        return InputError(f"{file.location}, row {row:,} or after it: the text is not UTF-8; save the file in UTF-8")
    reason = str(error).partition("\n")[0][:200]
    return InputError(f"{file.location}, near row {row:,}: the file cannot be read as a CSV ({reason}); save it again")

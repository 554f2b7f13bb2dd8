"""Titles and artists in the person's catalogue files, for plays that an export names without a URI."""

from __future__ import annotations

import ast
from hashlib import sha256
from typing import TYPE_CHECKING

from mood_core.files.private import write_private
from mood_core.tabular.cells import as_text, choose_id_column, track_ids
from mood_core.tabular.csv_reader import DamagedRows, csv_batches, csv_form
from mood_core.tabular.files import FileFormat, find_files
from mood_core.tabular.parquet_reader import parquet_batches, parquet_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mood_core.tabular.columns import Columns
    from mood_core.tabular.files import TableFile


class CatalogNames:
    """Searches the catalogue's files; failed searches are cached until the files change.

    Args:
        locations: files, folders and s3:// addresses.
        cache: a small file with the last failed search; None for no cache.
    """

    def __init__(self, locations: Sequence[str], cache: Path | None) -> None:
        self._locations, self._cache = tuple(locations), cache

    def __call__(self, missing: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
        """(track id, title, artists as "A, B") of every complete row, for a search for ``missing``.

        Raises:
            InputError: a file is invalid.
            Unavailable: an object store did not respond.
        """
        files = find_files(self._locations) if missing else ()
        digest = _digest(files, missing)
        if not files or (self._cache and self._cache.is_file() and self._cache.read_text("ascii") == digest):
            return
        for file in files:
            yield from names_in(file)
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._cache, digest.encode("ascii"))


def names_in(file: TableFile) -> Iterator[tuple[str, str, str]]:
    """The names in ``file``; empty without columns for titles and artists.

    Raises:
        InputError: the file cannot be read.
    """
    for columns, batches in _raw(file):
        id_column = ""
        for batch in batches:
            id_column = id_column or choose_id_column(batch, columns, file.location)
            ids = track_ids(batch.column(id_column))
            titles, artists = (as_text(batch.column(name)) for name in (columns.title, columns.artists))
            if ids is not None and titles is not None and artists is not None:
                yield from _whole(ids.to_pylist(), titles.to_pylist(), artists.to_pylist())


def _raw(file: TableFile) -> Iterator[tuple[Columns, Iterator[pa.RecordBatch]]]:
    """The columns of ``file`` and its batches; empty without columns for names."""
    form = csv_form(file) if file.format is FileFormat.CSV else None
    columns = form.columns if form else parquet_columns(file)
    if columns.title is None or columns.artists is None:
        return
    names = [*columns.ids, columns.title, columns.artists]
    if form:
        yield columns, csv_batches(file, form, DamagedRows(), lambda _: None, names)
    else:
        yield columns, parquet_batches(file, names, lambda _: None)


def _whole(ids: list[str], titles: list[str], artists: list[str]) -> Iterator[tuple[str, str, str]]:
    for track_id, title, artist in zip(ids, titles, artists, strict=True):
        if track_id and title and artist:
            yield track_id, title, artists_of(artist)


def artists_of(written: str) -> str:
    """Artists as "A, B", from a Python list or separated by semicolons."""
    if written.startswith("["):
        try:
            found = ast.literal_eval(written)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return written
        return ", ".join(map(str, found)) if isinstance(found, list) else written
    return ", ".join(part.strip() for part in written.split(";"))


def _digest(files: Sequence[TableFile], missing: Sequence[tuple[str, str]]) -> str:
    states = [(file.location, file.size, file.mtime_ns) for file in files]
    return sha256(repr((states, sorted(missing))).encode()).hexdigest()

"""Streams the rows of one JSON file and detects by their content whether they are a listening history."""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterator
from enum import Enum
from itertools import chain, islice
from typing import Any

import ijson

from mood_core.errors import InputError
from mood_core.exports.guarded_file import BLOCK_BYTES, GuardedFile
from mood_core.exports.limits import Limits
from mood_core.exports.scrobble_tables import stats_row, table_rows
from mood_core.exports.sources import DOWNLOAD_AGAIN, JsonFile

_LOOKED_AT = 100  # rows that are inspected to detect the form
_BEGINNING_BYTES = 4_096
_DAMAGE = (ijson.JSONError, UnicodeDecodeError, OverflowError, RecursionError, MemoryError)
_NAMED_SO = re.compile(r"(streaming_?history|endsong|endvideo)[^/]*$", re.IGNORECASE)
_MONTH = re.compile(r"(^|/)listens/\d{4}/\d{1,2}\.jsonl$", re.IGNORECASE)  # in ListenBrainz' zip
_LASTFMSTATS = re.compile(rb'\s*\{\s*("username"\s*:\s*"[^"]*"\s*,\s*)?"scrobbles"\s*:\s*\[')
_EXTENDED = {"ms_played", "spotify_track_uri", "master_metadata_track_name"}
_ACCOUNT = {"msPlayed", "trackName", "artistName", "podcastName", "audiobookName"}
_LISTENBRAINZ = {"listened_at", "track_metadata"}
_LASTFM = {"artist", "name", "date"}
_EARLY_2018 = {"time", "trackName", "artistName"}


class Form(Enum):
    """The forms of an export."""

    EXTENDED = "extended"
    ACCOUNT = "account"
    SCROBBLES = "scrobbles"


class RowStream:
    """The rows of one JSON file, streamed with constant memory. Iterate over it once.

    Attributes:
        form: the form of the history; None if the file is not a history, which yields no rows.
    """

    def __init__(self, file: JsonFile, limits: Limits) -> None:
        """Read as much as is needed to detect the form.

        Raises:
            InputError: A history's JSON is truncated, damaged or not a list. Iterating may raise it too.
        """
        self._guarded = GuardedFile(file, limits)
        self._rows: Iterator[Any] = iter(())
        self.form = self._begin(file)

    @property
    def read_bytes(self) -> int:
        """Number of bytes read so far."""
        return self._guarded.read_bytes

    @property
    def repaired(self) -> int:
        """Number of lone surrogates, which are not Unicode text, that were replaced so far."""
        return self._guarded.repaired

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def _objects(self, file: JsonFile) -> Generator[Any, None, None]:
        if _is_of_lastfmstats(file):
            return (stats_row(row) for row in _stream(file, self._guarded, "scrobbles.item"))
        return _in_pages(_stream(file, self._guarded))

    def _begin(self, file: JsonFile) -> Form | None:
        is_table = file.name.lower().endswith(".csv")
        rows = _table(file) if is_table else self._objects(file)
        named, first = _form_by_name(file.name), list[Any]()
        try:
            first.extend(islice(rows, _LOOKED_AT))
        except InputError:
            if named or _form_of(first):
                raise
            return None
        form = _form_of(first)
        if form is None and named is Form.EXTENDED:
            self._guarded.refuse_other_objects()
        form = form or named
        if form is None:
            rows.close()
        else:
            self._rows = chain(first, rows)
        return form


def _is_of_lastfmstats(file: JsonFile) -> bool:
    with file.open() as content:
        return _LASTFMSTATS.match(content.read(_BEGINNING_BYTES).removeprefix(BOM_UTF8)) is not None


def _form_by_name(name: str) -> Form | None:
    if _MONTH.search(name):
        return Form.SCROBBLES
    return Form.EXTENDED if _NAMED_SO.search(name) else None


def _form_of(rows: list[Any]) -> Form | None:
    for row in rows:
        if isinstance(row, dict):
            if "ts" in row and _EXTENDED & row.keys():
                return Form.EXTENDED
            if ("endTime" in row and _ACCOUNT & row.keys()) or row.keys() >= _EARLY_2018:
                return Form.ACCOUNT
            if row.keys() >= _LISTENBRAINZ or row.keys() >= _LASTFM:
                return Form.SCROBBLES
    return None


def _in_pages(rows: Iterator[Any]) -> Generator[Any, None, None]:
    """``rows``, with the tracks of each page of Last.fm's API in its place."""
    for row in rows:
        page = row.get("recenttracks", row) if isinstance(row, dict) else row
        tracks = page.get("track") if isinstance(page, dict) and "artist" not in page else None
        if isinstance(tracks, list):
            yield from tracks
        else:
            yield row


def _table(file: JsonFile) -> Generator[Any, None, None]:
    try:
        with file.open() as content:
            yield from table_rows(content)
    except csv.Error as error:
        raise InputError(f"{file.name} is damaged ({error}); download it again or leave this file out") from error


def stream_objects(file: JsonFile, limits: Limits, prefix: str) -> Generator[Any, None, None]:
    """The values at ``prefix`` (in ijson's notation) of a file that is one object; none of a list.

    Raises:
        InputError: The JSON is truncated or damaged.
    """
    return _stream(file, GuardedFile(file, limits), prefix)


def _stream(file: JsonFile, guarded: GuardedFile, place: str = "") -> Generator[Any, None, None]:
    """The values at ``place``. If the parser stops at a value, the file is read again with such values as strings.

    If it stops again, JSON lines are read line by line, with None for a damaged line.
    """
    done, damage = 0, None
    for values, quotes_values in _ways(guarded):
        guarded.quotes_values = quotes_values
        try:
            for row in islice(values(file, guarded, place), done, None):
                done += 1
                yield row
        except _DAMAGE as error:
            damage = error
        else:
            return
    raise InputError(
        f"{file.name} is damaged or truncated near byte {guarded.read_bytes:,} ({_reason(damage)}); {DOWNLOAD_AGAIN}"
    ) from damage


def _ways(guarded: GuardedFile) -> Iterator[tuple[Callable[[JsonFile, GuardedFile, str], Iterator[Any]], bool]]:
    """How to read a file, and whether with values as strings."""
    yield _parsed, False
    yield _parsed, True
    if guarded.has_lines:
        yield _by_line, True


def _by_line(file: JsonFile, guarded: GuardedFile, _place: str) -> Iterator[Any]:
    """The values of JSON lines. Raises the damage if the last line is cut or all lines are damaged."""
    with file.open() as content:
        guarded.begin(content)
        has_values, damage = False, None
        for line in guarded.lines():
            try:
                for row in ijson.items(line, "", multiple_values=True, use_float=True):
                    yield row
                    has_values = True
            except _DAMAGE as error:
                if not line.endswith(b"\n"):
                    raise
                damage = error
                yield None
        if damage and not has_values:
            raise damage


def _parsed(file: JsonFile, guarded: GuardedFile, place: str) -> Iterator[Any]:
    with file.open() as content:
        guarded.begin(content)
        if (place and guarded.is_list) or (guarded.has_lines and guarded.is_blank):
            return
        prefix = place or "item" * guarded.is_list
        for row in ijson.items(
            guarded, prefix, multiple_values=not guarded.is_list, use_float=True, buf_size=BLOCK_BYTES
        ):
            guarded.row_done()
            yield row


def _reason(error: Exception | None) -> str:
    """The first line of ``error``: the others show the row, as bytes if it is not UTF-8."""
    text = error.args[0] if error and error.args and isinstance(error.args[0], bytes) else str(error).encode()
    first: str = text.decode("utf-8", "replace").strip().partition("\n")[0]
    return first or type(error).__name__

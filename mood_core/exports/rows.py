"""Streams the rows of one JSON file and detects by their content whether they are a listening history."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Generator, Iterator
from enum import Enum
from itertools import accumulate, chain, islice
from typing import IO, Any, NoReturn

import ijson

from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.exports.scrobble_tables import stats_row, table_rows
from mood_core.exports.sources import JsonFile

_LOOKED_AT = 100  # rows that are inspected to detect the form
_BLOCK = 2**18
_DEEPEST = 4_000  # a history has two levels, but brackets in titles count too
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(
    rb"(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)  # group 1 is valid: another escape, or a pair of surrogates
_OPEN_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{0,4}(\\(u[0-9a-fA-F]{0,3})?)?)?$")
_ESCAPE_BYTES = 12  # a pair of surrogates
_MORE = 4_096  # read to complete an escape at the end of a block
_VALUE = re.compile(rb'(?<=\w)("\s*:\s*)([-+.\w]+)(?=\s*[,}])')  # not text: no quotation mark is in it
_OPEN_VALUE = re.compile(rb'"\s*(:\s*[-+.\w]*)?\s*$')
_NUMBER = re.compile(rb"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_LARGEST = 2**63 - 1
_DAMAGE = (ijson.JSONError, UnicodeDecodeError, OverflowError, RecursionError, MemoryError)
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")
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
        self._guarded = _Guarded(file, limits)
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
        return _LASTFMSTATS.match(content.read(_MORE).removeprefix(_BOM)) is not None


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
    return _stream(file, _Guarded(file, limits), prefix)


def _stream(file: JsonFile, guarded: _Guarded, place: str = "") -> Generator[Any, None, None]:
    """The values at ``place``. If the parser stops at a value, the file is read again with such values as strings."""
    done = 0
    try:
        for row in _parsed(file, guarded, place):
            done += 1
            yield row
    except _DAMAGE:
        guarded.quotes_values = True
        try:
            yield from islice(_parsed(file, guarded, place), done, None)
        except _DAMAGE as error:
            raise InputError(
                f"{file.name} is damaged or truncated near byte {guarded.read_bytes:,} ({_reason(error)}); "
                "nothing was imported: download the export again or leave this file out"
            ) from error


def _parsed(file: JsonFile, guarded: _Guarded, place: str) -> Iterator[Any]:
    with file.open() as content:
        guarded.begin(content)
        if place and guarded.is_list:
            return
        prefix = place or "item" * guarded.is_list
        for row in ijson.items(guarded, prefix, multiple_values=not guarded.is_list, use_float=True, buf_size=_BLOCK):
            guarded.row_done()
            yield row


def _reason(error: Exception) -> str:
    """The first line of ``error``: the others show the row, as bytes if it is not UTF-8."""
    text = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error).encode()
    first: str = text.decode("utf-8", "replace").strip().partition("\n")[0]
    return first or type(error).__name__


def _quoted(match: re.Match[bytes]) -> bytes:
    return match[0] if _is_readable(match[2]) else b'%s"%s"' % match.groups()


def _is_readable(value: bytes) -> bool:
    """Whether the parser can read a value that is not a string, an object or a list."""
    if value in (b"true", b"false", b"null"):
        return True
    if not _NUMBER.fullmatch(value):
        return False
    return math.isfinite(float(value)) and (not value.lstrip(b"-").isdigit() or abs(float(value)) < _LARGEST)


class _Guarded:
    """A file without its byte-order mark that enforces its declared size and the limit of a row.

    Escapes of lone surrogates, at which the parser would stop, are replaced by that of U+FFFD.

    Attributes:
        quotes_values: whether values at which the parser would stop (NaN, numbers of more than 64 bits) become strings.
        is_list: whether it is one list of rows; exports until 2019 have a sequence of objects.
    """

    def __init__(self, file: JsonFile, limits: Limits) -> None:
        self._name = file.name
        self._most = min(file.size, limits.total_bytes)
        self._most_of_a_row = limits.row_bytes + _BLOCK
        self._row_began = 0
        self._opened = 0
        self._first = b""
        self._content: IO[bytes] = io.BytesIO()
        self.read_bytes = 0
        self.repaired = 0
        self.is_list = True
        self.quotes_values = False

    def begin(self, content: IO[bytes]) -> None:
        """Start to read ``content``, which must be a list or a sequence of objects.

        Raises:
            InputError: It is neither.
        """
        self._content, self.repaired, self._row_began, self._opened = content, 0, 0, 0
        first = content.read(_BLOCK)
        if first.startswith(_OTHER_ENCODINGS):
            raise InputError(f"{self._name} is encoded as UTF-16; save it as UTF-8 or leave it out")
        self.read_bytes = len(first)
        self._first = first.removeprefix(_BOM)
        start = self._first.strip()[:1]
        self.is_list = start != b"{"
        if start not in (b"[", b"{", b""):
            self._refuse()

    def refuse_other_objects(self) -> None:
        """Check that a file that is not a history is at least a list.

        Raises:
            InputError: It is not a list.
        """
        if not self.is_list:
            self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(f"{self._name} is not a list of plays; download the export again or leave this file out")

    def row_done(self) -> None:
        """Note that a row is complete."""
        self._row_began = self.read_bytes
        self._opened = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes; a parser first reads 0 bytes to detect their type."""
        if size == 0:
            return b""
        block, self._first = self._first or self._next(size if size >= 0 else _BLOCK), b""
        while self._is_open(block) and (more := self._next(_MORE)):
            block += more
        self._refuse_abyss(block)
        block = self._repaired(block)
        return _VALUE.sub(_quoted, block) if self.quotes_values else block

    def _is_open(self, block: bytes) -> bool:
        """Whether ``block`` ends within an escape or a value that may have to be replaced."""
        is_open = _OPEN_ESCAPE.search(block[-_ESCAPE_BYTES:]) or (self.quotes_values and _OPEN_VALUE.search(block))
        return bool(is_open)

    def _next(self, size: int) -> bytes:
        block = self._content.read(size)
        self.read_bytes += len(block)
        if self.read_bytes > self._most:
            raise InputError(f"{self._name} unpacks to more than its declared size; download the export again")
        if self.read_bytes - self._row_began > self._most_of_a_row:
            raise InputError(
                f"{self._name} has a row larger than MOODLOG_IMPORT_MAX_ROW_BYTES; download the export again"
            )
        return block

    def _repaired(self, block: bytes) -> bytes:
        if b"\\ud" not in block and b"\\uD" not in block:
            return block
        return _SURROGATE.sub(self._repair, block)

    def _repair(self, match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return match[1]
        self.repaired += 1
        return rb"\ufffd"

    def _refuse_abyss(self, block: bytes) -> None:
        """Refuse nesting so deep that the parser would run out of memory."""
        before = self._opened
        self._opened += block.count(b"[") + block.count(b"{")
        if self._opened > _DEEPEST:
            depths = list(accumulate(map(_STEP.__getitem__, block.translate(None, _NO_BRACKETS)), initial=before))
            if max(depths) > _DEEPEST:
                raise InputError(f"{self._name} is nested too deeply for a listening history; leave it out")
            self._opened = max(depths[-1], 0)

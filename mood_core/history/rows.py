"""Streams the rows of one JSON file and finds out by their content whether they are a listening history."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterator
from enum import Enum
from itertools import chain, islice
from typing import IO, Any

import ijson

from mood_core.errors import InputError
from mood_core.history.limits import Limits
from mood_core.history.sources import JsonFile

_LOOKED_AT = 100  # rows by which a file is recognised
_BLOCK = 2**18
_BOM = b"\xef\xbb\xbf"
_NAMED_SO = re.compile(r"(streaming_?history|endsong|endvideo)", re.IGNORECASE)
_EXTENDED = {"ms_played", "spotify_track_uri", "master_metadata_track_name"}
_ACCOUNT = {"msPlayed", "trackName", "artistName", "podcastName"}


class Form(Enum):
    """The forms of an export."""

    EXTENDED = "extended"
    ACCOUNT = "account"


def read_rows(file: JsonFile, limits: Limits) -> tuple[Form | None, Iterator[Any]]:
    """The form of ``file``, None where it is no listening history, and its rows. Memory stays flat.

    Raises:
        InputError: A history's JSON is cut short or damaged; reading the rows may raise it as well.
    """
    rows = _stream(file, limits)
    try:
        first = list(islice(rows, _LOOKED_AT))
    except InputError:
        if _NAMED_SO.search(file.name):
            raise
        return None, iter(())
    form = _form_of(first, file.name)
    if form is None:
        rows.close()
        return None, iter(())
    return form, chain(first, rows)


def is_video(name: str) -> bool:
    """Whether a file called ``name`` is the video history: the only sign there is of it."""
    plain = unicodedata.normalize("NFKD", name.rpartition("/")[2]).casefold()
    return "video" in "".join(letter for letter in plain if not unicodedata.combining(letter))


def _form_of(rows: list[Any], name: str) -> Form | None:
    for row in rows:
        if isinstance(row, dict):
            if "ts" in row and _EXTENDED & row.keys():
                return Form.EXTENDED
            if "endTime" in row and _ACCOUNT & row.keys():
                return Form.ACCOUNT
    return Form.EXTENDED if _NAMED_SO.search(name) else None


def _stream(file: JsonFile, limits: Limits) -> Generator[Any, None, None]:
    with file.open() as content:
        guarded = _Guarded(content, file, limits)
        try:
            yield from ijson.items(guarded, "item", use_float=True, buf_size=_BLOCK)
        except (ijson.JSONError, UnicodeDecodeError, OverflowError, RecursionError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(
                f"{file.name} is damaged or cut short near byte {guarded.read_bytes:,} ({reason}); "
                "nothing was imported: download the export again or leave this file out"
            ) from error


class _Guarded:
    """A file without its byte-order mark that never gives more than it promised."""

    def __init__(self, content: IO[bytes], file: JsonFile, limits: Limits) -> None:
        self._content = content
        self._file = file
        self._most = min(file.size, limits.total_bytes)
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        block = self._content.read(size if size >= 0 else _BLOCK)
        if self.read_bytes == 0 and block.startswith(_BOM):
            self.read_bytes = len(_BOM)
            block = block[len(_BOM) :] or self._content.read(size)
        self.read_bytes += len(block)
        if self.read_bytes > self._most:
            raise InputError(f"{self._file.name} unpacks to more than it says; it is no export of Spotify's")
        return block

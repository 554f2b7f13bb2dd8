"""Guards the JSON parser against a file: its size, its nesting, and the text at which the parser would stop."""

from __future__ import annotations

import io
import math
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from itertools import accumulate
from typing import IO, NoReturn

from mood_core.errors import InputError
from mood_core.exports.limits import Limits
from mood_core.exports.sources import JsonFile

BLOCK_BYTES = 2**18
"""The parser reads this much at once."""

_DEEPEST = 4_000  # a history has two levels, but brackets in titles count too
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
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
_OTHER_ENCODINGS = (BOM_UTF16_LE, BOM_UTF16_BE)


class GuardedFile:
    """A file without its byte-order mark that enforces its declared size and the limit of a row.

    Escapes of lone surrogates, at which the parser would stop, are replaced by that of U+FFFD.

    Attributes:
        quotes_values: whether values at which the parser would stop (NaN, numbers of more than 64 bits) become strings.
        is_list: whether it is one list of rows; exports until 2019 have a sequence of objects.
        is_blank: whether its beginning has no text.
        has_lines: whether it is named as JSON lines, a sequence of objects in which a line may be damaged.
    """

    def __init__(self, file: JsonFile, limits: Limits) -> None:
        self._name = file.name
        self._most = min(file.size, limits.total_bytes)
        self._most_of_a_row = limits.row_bytes + BLOCK_BYTES
        self._row_began = 0
        self._opened = 0
        self._first = b""
        self._content: IO[bytes] = io.BytesIO()
        self.read_bytes = 0
        self.repaired = 0
        self.is_list = True
        self.is_blank = False
        self.has_lines = file.name.lower().endswith(".jsonl")
        self.quotes_values = False

    def begin(self, content: IO[bytes]) -> None:
        """Start to read ``content``, which must be a list or a sequence of objects.

        Raises:
            InputError: It is neither.
        """
        self._content, self.repaired, self._row_began, self._opened = content, 0, 0, 0
        first = content.read(BLOCK_BYTES)
        if first.startswith(_OTHER_ENCODINGS):
            raise InputError(f"{self._name} is encoded as UTF-16; save it as UTF-8 or leave it out")
        self.read_bytes = len(first)
        self._first = first.removeprefix(BOM_UTF8)
        start = self._first.strip()[:1]
        self.is_blank = start == b""
        self.has_lines &= start != b"["
        self.is_list = start == b"[" or (start != b"{" and not self.has_lines)
        if not self.has_lines and start not in (b"[", b"{", b""):
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

    def lines(self) -> Iterator[bytes]:
        """The lines that are left, with their ends, but without empty ones."""
        rest = b""
        while block := self.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            for line in filter(bytes.strip, lines):
                yield line + b"\n"
                self.row_done()
        if rest.strip():
            yield rest

    def read(self, size: int = -1) -> bytes:
        """The next bytes; a parser first reads 0 bytes to detect their type."""
        if size == 0:
            return b""
        block, self._first = self._first or self._next(size if size >= 0 else BLOCK_BYTES), b""
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


def _quoted(match: re.Match[bytes]) -> bytes:
    return match[0] if _is_readable(match[2]) else b'%s"%s"' % match.groups()


def _is_readable(value: bytes) -> bool:
    """Whether the parser can read a value that is not a string, an object or a list."""
    if value in (b"true", b"false", b"null"):
        return True
    if not _NUMBER.fullmatch(value):
        return False
    return math.isfinite(float(value)) and (not value.lstrip(b"-").isdigit() or abs(float(value)) < _LARGEST)

"""Fits what commands write to the terminal: ASCII for signs that its encoding lacks, and no controls of a title.

Bidirectional controls could reorder the text around them on the screen, others could write to the clipboard. They are
removed on the way out, in one place.
"""

from __future__ import annotations

import codecs
import io
import json
import sys
import unicodedata
from functools import lru_cache
from typing import Any

import click

from mood_core.text.sanitise import BIDI, without_bidi, without_commands

_SUFFIX = "_for_moodlog"
_ERRORS = "moodlog_signs"
_ESCAPED_BIDI = {code: f"\\u{code:04x}" for code in BIDI}
_SIGNS = str.maketrans(
    "○▲●▽·–—−…→±‘’“”×\u00a0\u202f━╸╺•",
    "o^*v.---~>~''\"\"x  ---*",
)
"""One column for one column, so that tables stay aligned."""


def fit_streams() -> None:
    """Make stdout and stderr of this process write any text in their encoding, without controls."""
    codecs.register(_find_codec)
    codecs.register_error(_ERRORS, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.encoding.endswith(_SUFFIX):
            encoding = codecs.lookup(stream.encoding).name.replace("-", "_")
            stream.reconfigure(encoding=encoding + _SUFFIX, errors=_ERRORS)


def echo_json(value: Any, default: Any = None) -> None:
    """Write ``value`` to stdout as one line of JSON, with escapes for what the terminal cannot show."""
    is_utf = (sys.stdout.encoding or "").startswith("utf")
    click.echo(json.dumps(value, ensure_ascii=not is_utf, default=default).translate(_ESCAPED_BIDI))


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler: a sign that looks alike, the letter without its accents, or question marks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_of, error.object[error.start : error.end])), error.end


@lru_cache(maxsize=4096)
def ascii_of(char: str) -> str:
    """``char`` in ASCII, at least as many columns wide, so that tables stay aligned."""
    from rich.cells import cell_len

    plain = unicodedata.normalize("NFKD", char.translate(_SIGNS))
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    columns = cell_len(char)
    return kept.ljust(columns) if kept.isascii() else "?" * columns


@lru_cache
def _find_codec(name: str) -> codecs.CodecInfo | None:
    """The codec ``ENCODING_for_moodlog``: that of ENCODING after removal of controls."""
    if not name.endswith(_SUFFIX):
        return None
    base = codecs.lookup(name.removesuffix(_SUFFIX))

    class Encoder(codecs.IncrementalEncoder):
        def __init__(self, errors: str = "strict") -> None:
            super().__init__(errors)
            self._base = base.incrementalencoder(errors)

        def encode(self, text: str, final: bool = False) -> bytes:
            return self._base.encode(without_commands(without_bidi(text)), final)

        def reset(self) -> None:
            self._base.reset()

        def getstate(self) -> int | str:
            return self._base.getstate()

        def setstate(self, state: int | str) -> None:
            self._base.setstate(state)

    return codecs.CodecInfo(
        base.encode, base.decode, base.streamreader, base.streamwriter, Encoder, base.incrementaldecoder, name=name
    )

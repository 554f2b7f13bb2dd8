"""Removes URL paths from the local server's log, because the path of a webhook is a secret.

Prefect logs a failed notification with its traceback, which contains the whole URL.
"""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO, cast

_ADDRESS = re.compile(r"(https?://)(?:[^/\s'\"@]*@)?([^/\s'\"?#]*)[/?#][^\s'\"<>]*")


def hide_addresses() -> None:
    """Remove URL paths from stdout and stderr from now on."""
    sys.stdout, sys.stderr = (cast("TextIO", _Private(stream)) for stream in (sys.stdout, sys.stderr))


def without_paths(text: str) -> str:
    """``text`` with only the scheme and host of each URL."""
    return _ADDRESS.sub(r"\1\2/...", text)


class _Private:
    """A stream that writes through :func:`without_paths`. Each log record is one write, so no URL is split."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` without URL paths; returns the length of ``text``."""
        self._stream.write(without_paths(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

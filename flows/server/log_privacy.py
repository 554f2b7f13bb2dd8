"""Keeps the paths of addresses out of the local server's log: the path of a webhook is a secret.

Prefect logs a failed notification with its traceback, which names the whole address.
"""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO, cast

_ADDRESS = re.compile(r"(https?://)(?:[^/\s'\"@]*@)?([^/\s'\"?#]*)[/?#][^\s'\"<>]*")


def hide_addresses() -> None:
    """From now on, write what goes to stdout and stderr without the paths of addresses."""
    sys.stdout, sys.stderr = _private(sys.stdout), _private(sys.stderr)


def without_paths(text: str) -> str:
    """``text`` with scheme and host alone of each http address."""
    return _ADDRESS.sub(r"\1\2/...", text)


def _private(stream: TextIO) -> TextIO:
    return cast("TextIO", _Private(stream))


class _Private:
    """A stream that writes through :func:`without_paths`. A log record is written at once, so no address is split."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``; returns its length, as if nothing was taken out."""
        self._stream.write(without_paths(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

"""Native libraries without the notes about the processor that they write past Python's logging."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDOUT, _STDERR = 1, 2


def import_tensorflow() -> tuple[Any, Any]:
    """The modules ``keras`` and ``tensorflow``; the first import takes some seconds.

    Raises:
        ImportError: the extra ``train`` is not installed.
    """
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        return sys.modules["keras"], sys.modules["tensorflow"]
    with quiet():
        import keras
        import tensorflow as tf

        # Its first operation sets up the processor's kernels, with more notes.
        tf.constant(0)
    # It warns of tracing a function again for every new network, which is what training several means.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return keras, tf


@contextmanager
def quiet(*, stdout: bool = False) -> Iterator[None]:
    """Keep what native code writes to stderr, or to both, off the terminal; Python's exceptions still pass."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
        sys.stdout.flush()
    numbers = [_STDERR, _STDOUT] if stdout else [_STDERR]
    saved = {number: os.dup(number) for number in numbers if _is_open(number)}
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in saved:
            os.dup2(null, number)
        yield
    finally:
        for number, copy in saved.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(null)


def _is_open(number: int) -> bool:
    """A service may run without a stderr."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

"""Importing TensorFlow without its notes about the processor, which it writes past Python's logging."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_tensorflow() -> tuple[Any, Any]:
    """The modules ``keras`` and ``tensorflow``; the first import takes some seconds."""
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
def quiet() -> Iterator[None]:
    """Keep what native code writes to stdout and stderr off the terminal; Python's exceptions still pass."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(null)

"""Reads single keys from the terminal. Keys that are typed ahead are kept."""

from __future__ import annotations

import os
import re
import select
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

_ESCAPE = "\x1b"
_SEQUENCE_SECONDS = 0.1
_PARAMETER = re.compile(rb"[\x20-\x3f\[]")  # the Linux console sends [[A for F1


@contextmanager
def single_keys() -> Iterator[Callable[[], str]]:
    """A function that returns the next key at once, without showing it; Ctrl-C interrupts as usual.

    The function raises EOFError at the end of the input.
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield click.getchar
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)
        yield lambda: _read(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read(terminal: int) -> str:
    """The next key: a whole character, or Escape for a key that sends a sequence, such as an arrow key."""
    decoder = getincrementaldecoder("utf-8")("replace")
    while not (key := decoder.decode(_byte(terminal))):
        pass
    if key == _ESCAPE:
        _skip_sequence(terminal)
    return key


def _skip_sequence(terminal: int) -> None:
    """Read the rest of a key: ``[``, parameters and a letter, ``O`` and a letter, or (with Alt) a letter."""
    introducer = _byte_at_once(terminal)
    if introducer == b"O":
        _byte_at_once(terminal)
    elif introducer == b"[":
        while _PARAMETER.fullmatch(_byte_at_once(terminal)):
            pass


def _byte(terminal: int) -> bytes:
    found = os.read(terminal, 1)
    if not found:
        raise EOFError
    return found


def _byte_at_once(terminal: int) -> bytes:
    """The next byte of a sequence; empty if it does not follow at once."""
    return _byte(terminal) if select.select([terminal], [], [], _SEQUENCE_SECONDS)[0] else b""

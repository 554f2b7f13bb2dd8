"""Reads single keys from the terminal. Keys that are typed ahead are kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


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
    key = os.read(terminal, 1)
    if not key:
        raise EOFError
    return key.decode("ascii", "replace")

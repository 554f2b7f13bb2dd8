"""Commands of moodlog that run until they are stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``moodlog COMMAND`` in a process that prints to a pipe, with a larger environment; stopped at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=600)


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line that ``process`` prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()

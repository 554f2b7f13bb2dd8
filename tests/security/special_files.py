"""Pipes, sockets and devices in the place of files, and the command line that reads them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from click.testing import CliRunner, Result

from flows.cli import main


def make_pipe(path: Path) -> Path:
    """A named pipe without a writer: opening it would wait."""
    os.mkfifo(path)
    return path


def _socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


SPECIAL = {"a named pipe": make_pipe, "a socket": _socket, "a device": _device}
"""What makes each of them, by the words of the refusal."""


def moodlog(*arguments: str) -> Result:
    """The result of ``moodlog`` with ``arguments``."""
    return CliRunner().invoke(main, list(arguments))

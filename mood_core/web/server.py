"""Serves the live pages on loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path

from mood_core.app.workspace import Workspace, make_home
from mood_core.errors import ConfigError
from mood_core.files.private import write_private
from mood_core.web.access import Access, read_or_make_token

HOST = "127.0.0.1"
DEFAULT_PORT = 8765

_PORT_FILE = "web-port"
_END_WITHIN_S = 5


def access_of(workspace: Workspace) -> Access:
    """The secrets of the pages of ``workspace``.

    Raises:
        ConfigError: The file with the token is damaged.
    """
    make_home(workspace.settings.home)
    return Access(read_or_make_token(workspace.settings.home), workspace.now)


def listen(port: int | None) -> socket.socket:
    """A socket that listens before the address is printed, so that no other process can receive the code in it.

    Without a ``port``, it is :data:`DEFAULT_PORT`, or another one if that is in use.

    Raises:
        ConfigError: The port is in use.
    """
    try:
        return socket.create_server((HOST, DEFAULT_PORT if port is None else port))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return socket.create_server((HOST, 0))
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from None


def link_to(access: Access, port: int) -> str:
    """The address of the first page, with a code that works once."""
    return f"http://{HOST}:{port}/?code={access.new_code()}"


def record_port(home: Path, port: int) -> None:
    """Record the port of the pages of ``home``, for :func:`recorded_port`."""
    write_private(home / _PORT_FILE, str(port).encode())


def recorded_port(home: Path) -> int:
    """The port on which the pages of ``home`` were started last."""
    try:
        return int((home / _PORT_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return DEFAULT_PORT


def serve(
    workspace: Workspace, access: Access, listener: socket.socket, *, ready: Callable[[], None], read_only: bool = False
) -> None:
    """Serve until a signal; ``ready`` is called before the first request. ``read_only``: take no answers."""
    import uvicorn

    from mood_core.web.app import create_app

    app = create_app(workspace, access, read_only=read_only)
    ready()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses name people, and contain codes
        server_header=False,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    uvicorn.Server(config).run(sockets=[listener])

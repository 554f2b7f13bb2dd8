"""Serves the living page on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable

from mood_core.app.workspace import Workspace
from mood_core.errors import ConfigError
from mood_core.web.access import Access, read_or_make_token

HOST = "127.0.0.1"
_END_WITHIN_S = 5


def access_of(workspace: Workspace) -> Access:
    """The secrets of the pages of ``workspace``.

    Raises:
        ConfigError: The file with the token is damaged.
    """
    return Access(read_or_make_token(workspace.settings.home), workspace.now)


def listen(port: int) -> socket.socket:
    """A socket that listens before the address is printed, so that no other process can receive the code in it.

    Raises:
        ConfigError: The port is in use.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from None


def link_to(access: Access, port: int) -> str:
    """The address of the first page, with a code that works once."""
    return f"http://{HOST}:{port}/?code={access.new_code()}"


def serve(workspace: Workspace, access: Access, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until a signal; ``ready`` is called before the first request."""
    import uvicorn

    from mood_core.web.app import create_app

    app = create_app(workspace, access)
    ready()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses name people, and contain codes
        server_header=False,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    uvicorn.Server(config).run(sockets=[listener])

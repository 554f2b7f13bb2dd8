"""Serves the live pages on loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.app.workspace import Workspace, make_home
from mood_core.errors import ConfigError
from mood_core.files.private import write_private
from mood_core.http.loopback import App
from mood_core.web.access import Access, read_or_make_token
from mood_core.web.proxy import Proxy

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
DEFAULT_PORT = 8765

_PORT_FILE = "web-port"
_END_WITHIN_S = 5


def access_of(workspace: Workspace) -> Access:
    """The secrets of the pages of ``workspace``.

    Raises:
        ConfigError: The file with the token is damaged.
    """
    settings = workspace.settings
    make_home(settings.home)
    password = settings.web_password.get_secret_value() if settings.web_password else ""
    return Access(read_or_make_token(settings.home), workspace.now, password)


def listen(port: int | None, host: str = HOST, *, is_fixed: bool = False) -> socket.socket:
    """A socket that listens before the address is printed, so that no other process can receive the code in it.

    Without a ``port``, it is :data:`DEFAULT_PORT`, or another one if that is in use, unless ``is_fixed``.

    Raises:
        ConfigError: The port is in use.
    """
    try:
        return socket.create_server((host, DEFAULT_PORT if port is None else port))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE and not is_fixed:
            return socket.create_server((host, 0))
        chosen = DEFAULT_PORT if port is None else port
        raise ConfigError(
            f"cannot listen on {host}, port {chosen}: {error.strerror}; choose another port with --port"
        ) from None


def link_to(access: Access, port: int, proxy: Proxy | None = None) -> str:
    """The address of the first page, with a code that works once.

    It is the one of the reverse proxy, unless that logs users in itself.
    """
    public = proxy.public if proxy and not proxy.header else f"http://{HOST}:{port}"
    return f"{public}/?code={access.new_code()}"


def record_port(home: Path, port: int) -> None:
    """Record the port of the pages of ``home``, for :func:`recorded_port`."""
    write_private(home / _PORT_FILE, str(port).encode())


def recorded_port(home: Path) -> int:
    """The port on which the pages of ``home`` were started last."""
    try:
        return int((home / _PORT_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return DEFAULT_PORT


def answers(host: str, port: int) -> bool:
    """Whether a server listens on ``port`` of ``host``."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def server_of(app: App) -> uvicorn.Server:
    """The server of ``app``. It believes no header about where a connection comes from."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses name people, and contain codes
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    return uvicorn.Server(config)


def serve(
    workspace: Workspace,
    access: Access,
    listener: socket.socket,
    proxy: Proxy | None,
    *,
    ready: Callable[[], None],
    read_only: bool = False,
) -> None:
    """Serve until a signal; ``ready`` is called before the first request. ``read_only``: take no answers."""
    from mood_core.web.app import create_app

    app = create_app(workspace, access, proxy, read_only=read_only)
    ready()
    server_of(app).run(sockets=[listener])

"""Starts moodlog's own Prefect server on this machine, with its history in HOME, or uses the running one.

The server process (see ``server_process.py``) holds ``server.lock`` in its folder, so that two servers never share a
history. Clients need its password: see ``auth.py`` and ``guard.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import IO

from flows.server.auth import is_ours, make_private, read_or_make_password
from flows.server.find_server import HOST, find_or_lock, listen_on, port_of, state_file
from flows.server.process_lock import ProcessLock
from mood_core.errors import Unavailable
from mood_core.files.private import append_private, write_private
from mood_core.store.locks.leases import new_owner

_STARTUP_S = 180.0
_POLL_S = 0.1
_RETENTION_S = 30 * 24 * 3600
_LARGEST_LOG = 10_000_000


class LocalServer:
    """A server that starts, or that already runs. ``api_url`` is known at once; wait before you use it.

    Raises:
        ConfigError: ``home`` cannot be created or belongs to another user, or the password in it is damaged.
    """

    def __init__(self, home: Path, api_url: str) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: socket.socket | None = None
        self._password = read_or_make_password(home)
        self.api_url = api_url
        self.log = home / "server.log"

    @property
    def client_environment(self) -> dict[str, str]:
        """Prefect's settings for clients of this server, including its password."""
        return {
            **_shared_settings(self._home),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self._password,
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
            # A proxy would get the password, and cannot reach this machine's loopback interface.
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _no_proxy()),
        }

    @property
    def is_ours(self) -> bool:
        """Whether this process started the server, and will stop it."""
        return self._process is not None

    @property
    def ui_url(self) -> str:
        """The address of Prefect's UI."""
        return self.api_url.removesuffix("/api")

    @property
    def port(self) -> int:
        """The server's port on 127.0.0.1."""
        return int(self.ui_url.rpartition(":")[2])

    @property
    def has_ended(self) -> bool:
        """Whether this process started the server and it has ended."""
        return self._process is not None and self._process.poll() is not None

    def wait_until_ready(self) -> None:
        """Wait until the server answers and proves that it is moodlog's own.

        Raises:
            Unavailable: It ended, or does not answer within 3 minutes; the message names its log.
        """
        deadline = time.monotonic() + _STARTUP_S
        while not is_ours(self.api_url, self._password):
            if self.has_ended or time.monotonic() > deadline:
                raise Unavailable(f"the local Prefect server does not start; its log is {self.log}", source="prefect")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop the server if this process started it."""
        if self._process is None:
            return
        state_file(self._home).unlink(missing_ok=True)
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def start(self, listener: socket.socket, lock: ProcessLock) -> None:
        """Start a server that answers on ``listener`` and takes over ``lock``."""
        self._listener = listener
        try:
            self._process = _start(self._home, listener, lock, self._password)
            owner = new_owner()
            lock.hand_over({"pid": self._process.pid, "parent": os.getpid(), "owner": owner})
        except BaseException:  # KeyboardInterrupt as well: an unused lock would block every later server
            lock.close()
            raise
        write_private(state_file(self._home), json.dumps({"api_url": self.api_url, "owner": owner}).encode())

    def close(self) -> None:
        """Stop the server if this process started it, and release its port."""
        self.stop()
        if self._listener is not None:
            self._listener.close()

    def restart(self, say: Callable[[str], None]) -> None:
        """Restart the server that this process started, at the same address; wait for it as for a new one.

        Raises:
            Unavailable: Another program has taken its port.
        """
        self.stop()
        lock = find_or_lock(self._home, own=True, say=say)
        listener = self._listener
        if listener is None or listener.fileno() == -1:  # on Windows, the old server got the port for good
            listener = listen_on(self.port, strict=True)
        if isinstance(lock, ProcessLock):
            self.start(listener, lock)


@contextlib.contextmanager
def local_server(
    home: Path,
    *,
    port: int | None = None,
    own: bool = False,
    strict: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[LocalServer]:
    """The running server whose history is in ``home``, or a new one that ends with the context.

    Args:
        home: The folder with the history.
        port: The port on 127.0.0.1 of a new server; another one if it is in use.
        own: Always start a new server; wait until the running one has ended.
        strict: Fail if ``port`` is in use.
        say: Reports what ``own`` waits for.

    Raises:
        ConfigError: ``home`` cannot be created or belongs to another user, or the password in it is damaged.
        Unavailable: ``port`` is in use, with ``strict``.
    """
    make_private(home)
    found = find_or_lock(home, own=own, say=say)
    if isinstance(found, str):
        yield LocalServer(home, found)
        return
    try:
        listener = listen_on(port, strict=strict)
    except Unavailable:
        found.close()
        raise
    server = LocalServer(home, f"http://{HOST}:{port_of(listener)}/api")
    try:
        server.start(listener, found)
        yield server
    finally:
        server.close()


def _start(home: Path, listener: socket.socket, lock: ProcessLock, password: str) -> subprocess.Popen[bytes]:
    port = port_of(listener)
    # The server inherits the socket: no other user can take the port before it listens, or during a restart.
    handed = () if os.name == "nt" else (listener.fileno(),)
    if os.name == "nt":
        listener.close()  # Windows cannot pass the socket on
    arguments = map(str, (port, os.getpid(), home, *handed))
    with _open_log(home) as log:
        return subprocess.Popen(  # noqa: S603 - moodlog's module, with numbers and a folder
            [sys.executable, "-m", "flows.server.server_process", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_server_environment(home, port, password),
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,  # on Ctrl-C in the terminal, the owner stops the server last
            pass_fds=(*lock.handles, *handed),
        )


def _open_log(home: Path) -> IO[bytes]:
    for database in home.glob("prefect.db*"):
        database.chmod(0o600)  # earlier versions left the mode to the umask
    path = home / "server.log"
    if path.exists() and path.stat().st_size > _LARGEST_LOG:
        path.replace(home / "server.log.1")
    return append_private(path)


def _server_environment(home: Path, port: int, password: str) -> dict[str, str]:
    """The environment of a new server: clients need the password, and only its own origin may use it.

    Runs are deleted with their logs and artifacts after 30 days: they name people, who may have been forgotten.
    """
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(_RETENTION_S),
        **_place_of_pages(home),
        **{name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"},
        **_shared_settings(home),
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port}",
        "PREFECT_UI_URL": f"http://{HOST}:{port}",
        "PREFECT_UI_API_URL": "/api",
    }


def _place_of_pages(home: Path) -> dict[str, str]:
    """Prefect unpacks its pages beside its code, or in ``home`` where it may not."""
    code = Path(str(distribution("prefect").locate_file("prefect/server")))
    return {} if os.access(code, os.W_OK) else {"PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "pages")}


def _no_proxy() -> str:
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in given.split(",") if host.strip()]
    return ",".join(hosts if HOST in hosts or "*" in hosts else [*hosts, HOST])


def _shared_settings(home: Path) -> dict[str, str]:
    """Prefect's settings for a server and its clients on this machine: history in ``home``, telemetry off."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Leases of slots survive a restart of the server; without them it would count slots that no run holds.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # Sends alerts soon after a restart, see that module.
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "flows.server.event_order",
        "DO_NOT_TRACK": "1",
    }

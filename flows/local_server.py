"""A Prefect server on this machine that keeps its history in HOME: found where it runs, started where it does not.

``python -m flows.local_server PORT PARENT`` is the server itself; it ends when the process that started it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from mood_core.errors import Unavailable
from mood_core.store.claims import may_live, new_owner

_HOST = "127.0.0.1"
_STARTUP_S = 180.0
_POLL_S = 0.1
_KEPT = timedelta(days=30)

_KEEPS_RUNS = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{_KEPT.total_seconds():.0f}",
}
"""Runs go with their logs and artifacts after a month: these name people, also those who were forgotten meanwhile."""


class LocalServer:
    """A server being started, or one that was found running. ``api_url`` is known at once; wait before using it."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes] | None, api_url: str) -> None:
        self._home = home
        self._process = process
        self.api_url = api_url

    @property
    def is_ours(self) -> bool:
        """Whether this process started it, and will end it."""
        return self._process is not None

    @property
    def ui_url(self) -> str:
        """Where a browser shows the runs."""
        return self.api_url.removesuffix("/api")

    def wait_until_ready(self) -> None:
        """Wait for the server to answer.

        Raises:
            Unavailable: It ended, or does not answer within three minutes; the sentence names its log.
        """
        deadline = time.monotonic() + _STARTUP_S
        while not _is_healthy(self.api_url):
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                log = self._home / "server.log"
                raise Unavailable(f"the local Prefect server does not start; its log is {log}", source="prefect")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the server if this process started it."""
        if self._process is None:
            return
        _state_file(self._home).unlink(missing_ok=True)
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def local_server(home: Path, *, port: int | None = None) -> Iterator[LocalServer]:
    """The server whose history lies in ``home``: the one that runs, or a new one for as long as the context lasts.

    A new one listens on 127.0.0.1, on ``port`` if that is free and on another one otherwise. It is not ready yet: see
    ``wait_until_ready``.
    """
    running = running_server(home)
    if running:
        yield LocalServer(home, None, running)
        return
    server = _start(home, _free_port(port))
    try:
        yield server
    finally:
        server.stop()


def _start(home: Path, port: int) -> LocalServer:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    api_url = f"http://{_HOST}:{port}/api"
    environment = _KEEPS_RUNS | {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    # Without these its pages would be looked for, and would look for the API, at Prefect's usual port.
    environment |= {
        **server_environment(home),
        "PREFECT_UI_URL": f"http://{_HOST}:{port}",
        "PREFECT_UI_API_URL": api_url,
    }
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module, with a port number
            [sys.executable, "-m", "flows.local_server", str(port), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=Path(__file__).resolve().parents[1],
        )
    _state_file(home).write_text(json.dumps({"api_url": api_url, "owner": new_owner()}), encoding="utf-8")
    return LocalServer(home, process, api_url)


def server_environment(home: Path) -> dict[str, str]:
    """Prefect's settings for a server and its clients on this machine: history in ``home``, telemetry off."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # A slot's lease outlives the server, so that a slot is never held by a run that nobody remembers.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "DO_NOT_TRACK": "1",
    }


def running_server(home: Path) -> str | None:
    """The address of the API of the server that runs with its history in ``home``; None where none does."""
    try:
        state = json.loads(_state_file(home).read_text(encoding="utf-8"))
        api_url, owner = str(state["api_url"]), str(state["owner"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not api_url.startswith(f"http://{_HOST}:"):
        return None
    # A server whose owner was killed still answers for a moment, and is about to end.
    return api_url if may_live(owner) and _is_healthy(api_url) else None


def _is_healthy(api_url: str) -> bool:
    try:
        with urlopen(f"{api_url}/health", timeout=2) as answer:  # noqa: S310 - an address of our own, on loopback
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _state_file(home: Path) -> Path:
    return home / "server.json"


def _free_port(wanted: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, wanted or 0))
        except OSError:
            probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def main() -> None:
    """Serve Prefect's API and pages on the port given first, for as long as the process given second lives."""
    threading.Thread(target=_end_with_parent, args=(int(sys.argv[2]),), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(final=True), host=_HOST, port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=30)


if __name__ == "__main__":
    main()

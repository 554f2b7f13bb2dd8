"""A real Prefect server with moodlog's deployments on it, and somebody who listens to its alerts."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flows.server.find_server import listen_on, port_of
from flows.server.local_server import LocalServer, local_server
from tests.sealed import ROOT

T = TypeVar("T")

MOODLOG = [sys.executable, "-m", "flows.cli"]
PREFECT = [sys.executable, "-m", "prefect"]
_DRAIN_S = 30.0


@cache
def workplace() -> Path:
    """A folder to deploy and work from: the checkout's ``prefect.yaml``, without a ``.env`` of the checkout."""
    folder = Path(tempfile.mkdtemp(prefix="moodlog-workplace-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "prefect.yaml").symlink_to(ROOT / "prefect.yaml")
    return folder


def run(*command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in :func:`workplace` and return what it wrote; with ``ok``, it must not fail."""
    environment = {**os.environ, "COLUMNS": "300"}  # a narrow table would break names in two
    done = subprocess.run(
        command, cwd=workplace(), capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done


@dataclass
class Listener:
    """A webhook on loopback: what was posted to it."""

    url: str
    texts: list[str] = field(default_factory=list)

    def wait_for(self, part: str, within_s: float = 600.0) -> str:
        """The first text with ``part`` in it."""
        return until(lambda: next((text for text in self.texts if part in text), None), within_s)


def until(probe: Callable[[], T | None], within_s: float = 600.0) -> T:
    """What ``probe`` finds, once it finds something."""
    deadline = time.monotonic() + within_s
    while not (found := probe()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.2)
    return found


@contextmanager
def listening(status: int = 204) -> Iterator[Listener]:
    """A listener that answers ``status``, for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Listener(f"http://127.0.0.1:{server.server_port}/moods")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prefect_server(home: Path, *, port: int | None = None) -> Iterator[str]:
    """A real Prefect server, set as a person sets theirs: in the environment, and in this process; its address."""
    with prefect_server_process(home, port=port) as running:
        yield running.api_url


@contextmanager
def prefect_server_process(home: Path, *, port: int | None = None) -> Iterator[LocalServer]:
    """The server of :func:`prefect_server`, to be stopped and restarted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        with local_server(home, port=port) as running:
            running.wait_until_ready()
            for name, value in running.client_environment.items():
                patch.setenv(name, value)
            with settings_of(running):
                yield running


@contextmanager
def settings_of(server: LocalServer) -> Iterator[None]:
    """Prefect's settings in this process, which read the environment earlier: the server's address and password."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

    given = server.client_environment
    with temporary_settings(
        {
            PREFECT_API_URL: server.api_url,
            PREFECT_API_AUTH_STRING: given["PREFECT_API_AUTH_STRING"],
            PREFECT_HOME: Path(given["PREFECT_HOME"]),
        }
    ):
        try:
            yield
        finally:  # else Prefect's threads keep the process at its exit, until they give up on a server that is gone
            with ThreadPoolExecutor(1) as thread:  # in a thread with an event loop, drain_all would return a coroutine
                for worker in (APILogWorker, EventsWorker):
                    thread.submit(worker.drain_all, timeout=_DRAIN_S).result()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with listen_on(None) as probe:
        return port_of(probe)

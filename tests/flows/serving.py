"""``moodlog serve`` as a real process on a home of its own, with a stand-in of Spotify."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.server.auth import known_password
from standin import StandIn
from tests.flows.deployed import MOODLOG, free_port, until

PATIENCE_S = 600.0
DEFAULT_PORT = 4200
STATE = "SELECT state_name FROM flow_run WHERE id = ? AND end_time IS NOT NULL"
"""How the run of an id ended."""
BEGUN = "SELECT state_type FROM flow_run WHERE id = ? AND state_type NOT IN ('SCHEDULED', 'PENDING')"
"""What became of the run of an id, once it began or was cancelled."""
NIGHTS = """
SELECT r.state_name FROM flow_run AS r INNER JOIN deployment AS d ON r.deployment_id = d.id
WHERE d.name = 'nightly' AND r.auto_scheduled AND r.state_type = 'COMPLETED'
"""
"""The nightly runs that a schedule started and that were completed."""


@dataclass
class Serving:
    """A ``moodlog serve`` that runs; ``log`` is what it says."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def prefect(self) -> Path:
        return self.home / "prefect" / "prefect.db"

    def health(self) -> tuple[int, dict[str, Any]]:
        """What ``/health`` answers; 0 while nothing does."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=10)
            return answer.status_code, answer.json()
        except httpx.HTTPError:
            return 0, {}

    def wait_until_said(self, part: str) -> None:
        """Wait for ``part`` in what it says."""
        until(lambda: part in self.said or None, PATIENCE_S)

    def stop(self, signal_: int = signal.SIGTERM) -> int:
        """Stop it and wait for its end; returns the exit code."""
        self.process.send_signal(signal_)
        return self.process.wait(timeout=PATIENCE_S)

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """A client of its server."""
        here = {
            PREFECT_API_URL: f"http://127.0.0.1:{self.port}/api",
            PREFECT_API_AUTH_STRING: known_password(self.home / "prefect"),
        }
        with (
            temporary_settings(here),
            get_client(sync_client=True) as client,
        ):
            yield client

    def rows(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        """What is in Prefect's database."""
        return rows(self.prefect, query, *parameters)


def rows(file: Path, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    """The rows of ``query`` on a SQLite file; none while it is not there or busy."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query, parameters).fetchall()
    except sqlite3.OperationalError:
        return []


@contextmanager
def serving(
    home: Path, *, port: int | None = None, wait: bool = True, moodlog: Sequence[str] = MOODLOG, **environment: str
) -> Iterator[Serving]:
    """A ``moodlog serve`` on ``home`` in UTC, whose settings are in the environment; killed at the end."""
    port = port or free_port()
    given = [] if port == DEFAULT_PORT else ["--port", str(port)]
    log = home.parent / f"serve-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*moodlog, "serve", *given],
            stdout=out,
            stderr=out,
            env={**os.environ, "TZ": "UTC", "MOODLOG_HOME": str(home), **environment},
            start_new_session=True,
        )
    running = Serving(process, port, home, log)
    try:
        if wait:
            running.wait_until_said("Stop with Ctrl-C")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def begin_a_pull(serve: Serving, standin: StandIn | None = None) -> str:
    """Start a pull by hand and wait until it runs and ``standin``, where it is given, has answered it; returns its id.

    Started again where the pull of a quarter past or to the hour runs: Prefect cancels the newer of two.
    """
    calls = len(standin.calls.entries()) if standin else 0
    with serve.client() as client:
        pull = client.read_deployment_by_name("sync-listens/pull")
        state = "CANCELLED"
        while state == "CANCELLED":
            run = client.create_flow_run_from_deployment(pull.id, parameters={"due_only": False})
            [(state,)] = until(partial(serve.rows, BEGUN, str(run.id)), 400)
    until(lambda: standin is None or len(standin.calls.entries()) > calls or None, 400)
    return str(run.id)

"""A cluster on loopback: PostgreSQL, an S3 server, a Prefect server and workers, as the how-to sets them up."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from cryptography.fernet import Fernet
from moto.server import ThreadedMotoServer

from standin import StandIn
from tests.flows.deployed import MOODLOG, PREFECT, prefect_server, run, workplace
from tests.flows.system_postgres import prefect_on_postgres
from tests.nights import connect_listeners, settings_for, workspace_of


@contextmanager
def s3_running(bucket: str = "lake") -> Iterator[dict[str, str]]:
    """The environment of an S3 server with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        # Its objects live in this process, beyond the server that was there before.
        for method, path in (("POST", "moto-api/reset"), ("PUT", bucket)):
            with urlopen(Request(f"{address}/{path}", method=method), timeout=10):  # noqa: S310 - on loopback
                pass
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "MOODLOG_LAKE_URL": f"s3://{bucket}/moods",
        }
    finally:
        server.stop()


@contextmanager
def cluster(home: Path, standin: StandIn, database_url: str, *, shards: int) -> Iterator[None]:
    """Everything but the workers, in this process's environment, with the stand-in's listeners connected."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        settings = {
            **settings_for(standin),
            **stack.enter_context(s3_running()),
            **stack.enter_context(prefect_on_postgres()),
            "MOODLOG_HOME": str(home / "moodlog"),
            "MOODLOG_DATABASE_URL": database_url,
            "MOODLOG_TOKEN_KEY": Fernet.generate_key().decode(),
            "MOODLOG_SHARDS": str(shards),
            "MOODLOG_SPOTIFY_DAILY_BUDGET": "0",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        stack.enter_context(prefect_server(home / "prefect"))
        run(*MOODLOG, "setup")
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        yield


@contextmanager
def workers(names: Sequence[str], *, limit: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Workers of the pool by name; in the end they and their runs are killed."""
    started = {
        name: subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "moodlog", "--name", name, "--limit", str(limit)],
            cwd=workplace(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in names
    }
    try:
        yield started
    finally:
        for process in started.values():
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a worker and its runs as a power cut does."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and worker_of(int(entry.name)) == process.pid:
            with suppress(ProcessLookupError):
                os.killpg(int(entry.name), signal.SIGKILL)
    process.kill()
    process.wait()


def worker_of(pid: int) -> int | None:
    """The process that started the process ``pid``, which leads a session of its own; None where that has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    except OSError:
        return None

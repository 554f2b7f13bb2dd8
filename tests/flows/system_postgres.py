"""The system's PostgreSQL on a loopback port: Prefect's server wants its extension pg_trgm, which pip packages lack."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER = "postgres"


@contextmanager
def prefect_on_postgres() -> Iterator[dict[str, str]]:
    """The environment of a Prefect server that keeps its history there; empty where the system has no PostgreSQL."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if binaries is None or not hasattr(os, "geteuid"):
        yield {}
        return
    owner = _OWNER if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="moodlog-prefect-pg-"))
    if owner:
        shutil.chown(folder, owner)
    port = _free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control: list[str | Path] = [binaries / "pg_ctl", "-D", folder / "data", "-w"]

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=owner, cwd="/")

    try:
        run(binaries / "initdb", "-D", folder / "data", "-U", "prefect", "-A", "trust", "-E", "UTF8")
        run(*control, "-o", options, "-l", folder / "log", "start")
        try:
            address = f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
            yield {"PREFECT_API_DATABASE_CONNECTION_URL": address}
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Apache Spark's standalone cluster: a master and two workers on loopback, as processes."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.flows.cluster import worker_of
from tests.flows.deployed import until

PATIENCE_S = 600.0


@dataclass
class SparkCluster:
    """A running cluster: its folder, its address, its workers and all its processes."""

    folder: Path
    master: str
    started: list[subprocess.Popen[bytes]]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_a_worker(self) -> None:
        """Add a worker of one core."""
        name = f"worker{len(self.started)}"
        words = ["--cores", "1", "--memory", "1g", "--port", "0", "--webui-port", "0", "-d", str(self.folder / "work")]
        self.workers.append(_started(self.folder, name, "org.apache.spark.deploy.worker.Worker", *words, self.master))
        self.started.append(self.workers[-1])
        _said(self.folder / f"{name}.log", "(Successfully registered)")

    def kill_a_worker(self) -> None:
        """End a worker with its executors, as a power cut does."""
        worker = self.workers.pop(0)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def processes(self, word: str) -> list[int]:
        """The processes of all workers with ``word`` in their command, such as executors."""
        return [pid for worker in self.workers for pid in descendants(worker.pid, word)]


@contextmanager
def spark_cluster(folder: Path) -> Iterator[SparkCluster]:
    """A master and two workers of one core each."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        master = _started(folder, "master", "org.apache.spark.deploy.master.Master", "--port", "0", "--webui-port", "0")
        started.append(master)
        cluster = SparkCluster(folder, _said(folder / "master.log", r"(spark://127\.0\.0\.1:\d+)"), started)
        for _ in range(2):
            cluster.start_a_worker()
        yield cluster
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def descendants(ancestor: int, word: str) -> list[int]:
    """The processes that ``ancestor`` has started, directly or not, with ``word`` in their command."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    parents = {number: worker_of(number) for number in numbers}
    found = [ancestor]
    for pid in found:
        found += [number for number, parent in parents.items() if parent == pid]
    return [pid for pid in found[1:] if word in _command(pid)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _started(folder: Path, name: str, java_class: str, *words: str) -> subprocess.Popen[bytes]:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    environment = {**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [home / "bin" / "spark-class", java_class, "--host", "127.0.0.1", *words],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _said(log: Path, pattern: str) -> str:
    until(lambda: re.search(pattern, log.read_text(errors="replace")) is not None, PATIENCE_S)
    found = re.search(pattern, log.read_text(errors="replace"))
    assert found is not None
    return found[1]

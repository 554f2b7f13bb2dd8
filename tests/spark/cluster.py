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
from dataclasses import dataclass
from pathlib import Path

from tests.flows.deployed import until

PATIENCE_S = 600.0


@dataclass
class SparkCluster:
    """A running cluster: its address and its workers."""

    master: str
    workers: list[subprocess.Popen[bytes]]

    def kill_a_worker(self) -> None:
        """End a worker with its executors, as a power cut does."""
        os.killpg(self.workers[0].pid, signal.SIGKILL)


@contextmanager
def spark_cluster(folder: Path) -> Iterator[SparkCluster]:
    """A master and two workers of one core each."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        master = _started(folder, "master", "org.apache.spark.deploy.master.Master", "--port", "0", "--webui-port", "0")
        started.append(master)
        address = _said(folder / "master.log", r"(spark://127\.0\.0\.1:\d+)")
        for number in range(2):
            words = ["--cores", "1", "--memory", "1g", "--port", "0", "--webui-port", "0", "-d", str(folder / "work")]
            name = f"worker{number}"
            started.append(_started(folder, name, "org.apache.spark.deploy.worker.Worker", *words, address))
            _said(folder / f"{name}.log", "(Successfully registered)")
        yield SparkCluster(address, started[1:])
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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

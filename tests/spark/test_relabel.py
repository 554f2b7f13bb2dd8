"""``moodlog relabel --engine spark`` makes the labels of one process, although workers and drivers are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.flows.deployed import until
from tests.spark.cluster import PATIENCE_S, SparkCluster, descendants, spark_cluster
from tests.spark.lakes import command, labels, labels_in_lake, make_history, moodlog, needs_spark

pytestmark = [pytest.mark.slow, needs_spark]

LOCAL = ("--engine", "spark", "--master", "local[2]")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with features and without labels."""
    home = tmp_path_factory.mktemp("history") / "with a space"
    make_history(home)
    return home


@pytest.fixture(scope="module")
def labelled(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home, labelled by one process."""
    home = tmp_path_factory.mktemp("labelled") / "home"
    shutil.copytree(history, home)
    moodlog(home, "relabel")
    return home


@pytest.fixture
def home(history: Path, tmp_path: Path) -> Path:
    """A copy of the history."""
    shutil.copytree(history, tmp_path / "home [1]")
    return tmp_path / "home [1]"


def _check(home: Path, labelled: Path) -> None:
    assert labels(home) == labels(labelled)
    assert labels_in_lake(home) == len(labels(home))
    assert "agree" in moodlog(home, "verify", "--deep")


def _killed(home: Path, moment: Callable[[], bool]) -> None:
    """Kill the driver by SIGKILL at a moment; its Java process ends by itself."""
    with (home.parent / "killed.log").open("wb") as log:
        process = subprocess.Popen(**command(home, "relabel", *LOCAL), stderr=log, start_new_session=True)
        try:
            until(lambda: moment() or process.poll() is not None, PATIENCE_S)
            assert process.poll() is None, log.name
        finally:
            process.kill()
            process.wait()


def test_in_one_process_with_the_same_labels_and_every_driver_killed(home: Path, labelled: Path) -> None:
    said = home.parent / "killed.log"
    _killed(home, lambda: said.exists() and b"Spark log level" in said.read_bytes())  # before anything is published
    assert labels_in_lake(home) == 0
    moodlog(home, "forget", "-u", "ada", "--yes")
    _killed(home, lambda: labels_in_lake(home) > 0)  # published, and perhaps not in SQL yet
    assert 0 < labels_in_lake(home) < len(labels(labelled))
    moodlog(home, "forget", "-u", "grace", "--yes")
    moodlog(home, "relabel", *LOCAL)
    _check(home, labelled)
    assert "0 tracks labelled" in moodlog(home, "relabel", *LOCAL)


def test_a_killed_java_process_ends_with_one_sentence_and_the_next_run_continues(home: Path, labelled: Path) -> None:
    log = home.parent / "killed.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(**command(home, "relabel", *LOCAL), stderr=stderr, start_new_session=True) as driver,
    ):
        until(lambda: labels_in_lake(home) > 0 or driver.poll() is not None, PATIENCE_S)
        for pid in descendants(driver.pid, "java"):
            os.kill(pid, signal.SIGKILL)
        assert driver.wait(PATIENCE_S) != 0
    assert log.read_text().splitlines()[-1] == (
        "moodlog: Spark gave up: its Java process has ended; run this again, it continues"
    )
    moodlog(home, "relabel", *LOCAL)
    _check(home, labelled)


def test_a_killed_worker_of_a_cluster_loses_and_doubles_nothing(home: Path, labelled: Path, tmp_path: Path) -> None:
    with spark_cluster(tmp_path) as cluster:
        words = ("relabel", "--engine", "spark", "--master", cluster.master)
        with subprocess.Popen(**command(home, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            until(lambda: labels_in_lake(home) > 0 or running.poll() is not None, PATIENCE_S)
            cluster.kill_a_worker()
            out, err = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0, err
        assert out.decode().startswith(f"{len(labels(labelled))} tracks labelled")
    _check(home, labelled)


def test_ten_kills_at_random_moments_lose_and_double_nothing(history: Path, labelled: Path, tmp_path: Path) -> None:
    random = Random(22)
    # A killed driver ends its run, and a new one costs more than all other kills.
    victims = ["python worker", "executor"] * 3 + ["worker"] * 2 + ["driver", "java of the driver"]
    random.shuffle(victims)
    with spark_cluster(tmp_path) as cluster:
        for number in range(len(victims)):
            home = tmp_path / f"home{number}"
            shutil.copytree(history, home)
            _label_and_kill(home, cluster, victims, random)
            _check(home, labelled)
            if not victims:
                return


def _label_and_kill(home: Path, cluster: SparkCluster, victims: list[str], random: Random) -> None:
    """Label a home; each run that ends early is repeated. Each killed process leaves ``victims``."""
    log = home.with_suffix(".log")
    words = ("relabel", "--engine", "spark", "--master", cluster.master)
    for _ in range(2 + len(victims)):
        with (
            log.open("wb") as stderr,
            subprocess.Popen(**command(home, *words), stdout=stderr, stderr=stderr, start_new_session=True) as driver,
        ):
            while victims and _kill(victims[0], driver, cluster, random):
                del victims[0]
            driver.wait(PATIENCE_S)
        if driver.returncode == 0:
            return
        if driver.returncode != -signal.SIGKILL:
            _check_said(log)
    raise AssertionError(log.read_text(errors="replace"))


def _check_said(log: Path) -> None:
    """Threads of PySpark may write before it; moodlog's own sentence is the last line."""
    *_, last = log.read_text(errors="replace").splitlines()
    assert last.startswith("moodlog: Spark "), log.read_text(errors="replace")


def _kill(victim: str, driver: subprocess.Popen[bytes], cluster: SparkCluster, random: Random) -> bool:
    """Kill a process at a random moment while executors run; False if the run has ended before."""
    until(lambda: cluster.processes("ExecutorBackend") or driver.poll() is not None, PATIENCE_S)
    found: dict[str, Callable[[], list[int]]] = {
        "python worker": lambda: cluster.processes("pyspark.daemon"),
        "executor": lambda: cluster.processes("ExecutorBackend"),
        "worker": lambda: [cluster.workers[0].pid],
        "driver": lambda: [driver.pid],
        "java of the driver": lambda: descendants(driver.pid, "java"),
    }
    until(lambda: found[victim]() or driver.poll() is not None, PATIENCE_S)
    time.sleep(random.uniform(0, 3))
    pids = found[victim]()
    if driver.poll() is not None or not pids:
        return False
    if victim == "worker":
        cluster.kill_a_worker()
        cluster.start_a_worker()
    else:
        os.kill(random.choice(pids), signal.SIGKILL)
    return True

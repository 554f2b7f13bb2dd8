"""Opens a session of Apache Spark, or says why it cannot be opened."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mood_core.errors import ConfigError, StoreError
from mood_core.installation import install_extra

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ROWS_OF_A_BATCH = 50_000
_LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_CAUSE = re.compile(r"(Caused by: )?[\w.]+(Exception|Error): ")
_LOCAL = re.compile(r"local\[(\d+|\*)\]")
_OPTIONS = {
    "spark.app.name": "moodlog",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",  # what fails in the end is reported once, as an error of moodlog
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(_ROWS_OF_A_BATCH),
    # Or thousands of nightly files would become thousands of small batches.
    "spark.sql.files.openCostInBytes": str(64 * 1024),
    # Labels of some 100,000 tracks go to each task: then the listens stay where they are.
    "spark.sql.autoBroadcastJoinThreshold": "32m",
    # Where there are more, no task sorts the listens to join them.
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64m",
}


_SHORT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SHORT_JAVA = {"spark.driver.defaultJavaOptions": _SHORT, "spark.executor.defaultJavaOptions": _SHORT}
"""Options where Java computes little: its second compiler took more CPU than the labels of 1 million tracks."""


@contextmanager
def spark_session(master: str, options: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A session on the cluster ``master``, such as ``local[*]`` or ``spark://host:7077``; ends with the context.

    The workers run the Python of this process unless PYSPARK_PYTHON names another. ``options`` are added to those of
    moodlog; all others of Spark are in its own ``spark-defaults.conf``.

    Raises:
        ConfigError: PySpark or Java is not installed, or the cluster cannot be reached.
        StoreError: Spark gave up, after its own retries.
    """
    check_installed()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master.startswith("local"):
        # Spark reads this variable only where nothing sets spark.driver.memory.
        os.environ.setdefault("SPARK_DRIVER_MEMORY", f"{_heap_mb()}m")
    with warnings.catch_warnings():
        # "PySpark does not yet fully support pandas 3": no function of pandas is used.
        warnings.filterwarnings("ignore", message="PySpark does not", category=FutureWarning)
        session = _started(master, options or {})
        from py4j.protocol import Py4JError, Py4JNetworkError
        from pyspark.errors import PySparkException

        try:
            yield session
        except (Py4JNetworkError, ConnectionError, EOFError) as error:  # whatever was asked at that moment
            raise StoreError("Spark gave up: its Java process has ended; run this again, it continues") from error
        except (PySparkException, Py4JError) as error:
            raise StoreError(f"Spark gave up: {_reason(error)}; run this again, it continues") from error
        finally:
            _stop(session)


def check_installed() -> None:
    """Check that this machine has what Spark needs.

    Raises:
        ConfigError: PySpark or Java is not installed.
    """
    if importlib.util.find_spec("pyspark") is None or importlib.util.find_spec("pandas") is None:
        raise ConfigError(f"Spark is not installed; run: {install_extra('spark')}")
    java = Path(os.environ.get("JAVA_HOME", "")) / "bin" / "java"  # where Spark itself looks
    if not (java.is_file() if os.environ.get("JAVA_HOME") else shutil.which("java")):
        raise ConfigError(
            "Spark needs Java 17 or newer, and there is no java; install it (Debian: default-jre-headless)"
        )


def _heap_mb() -> int:
    """A quarter of the memory of this machine or container, as Java itself takes it, and at least Spark's own 1 GB."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # "max": no limit
        memory = min(memory, int(_LIMIT_OF_CONTAINER.read_text()))
    return max(memory // 4 // 2**20, 1024)


def _started(master: str, given: Mapping[str, str]) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    options = {**_OPTIONS, **given, **({"spark.driver.host": "127.0.0.1"} if master.startswith("local") else {})}
    # Spark retries lost work on a cluster; in one process only if the master says how often.
    builder = SparkSession.builder.master(_LOCAL.sub(r"local[\1,4]", master))
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, Py4JError, OSError, EOFError) as error:
        raise ConfigError(
            f"Spark cannot start with the master {master}: {_reason(error)}; see MOODLOG_SPARK_MASTER"
        ) from error


def _stop(session: SparkSession) -> None:
    """Stop the session; one whose Java process was killed has nothing left to stop."""
    from py4j.protocol import Py4JError

    with warnings.catch_warnings(), contextlib.suppress(Py4JError, ConnectionError):
        warnings.filterwarnings("ignore", message="Unable to cleanly shutdown", category=RuntimeWarning)
        session.stop()


def _reason(error: Exception) -> str:
    """The innermost cause of an error, which Spark writes after many lines of its own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if _CAUSE.match(line)]
    return (causes or lines or [type(error).__name__])[-1]

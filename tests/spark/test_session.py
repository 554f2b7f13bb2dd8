"""The session of Spark that moodlog starts on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spark.lakes import needs_spark

pytestmark = [pytest.mark.slow, needs_spark]

_HEAP_MB = """
from mood_core.spark.session import spark_session
with spark_session("local[1]") as spark:
    print(spark._jvm.java.lang.Runtime.getRuntime().maxMemory() / 2**20)
"""


def _heap_of_java_mb() -> float:
    """What Java takes by itself."""
    flags = subprocess.run(
        ["java", "-XX:+PrintFlagsFinal", "-version"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r" MaxHeapSize += (\d+)", flags)
    assert found
    return int(found[1]) / 2**20


def _heap_mb(**environment: str) -> float:
    # In a process of its own: one process has one Java.
    done = subprocess.run(
        [sys.executable, "-c", _HEAP_MB], env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


def test_java_may_use_a_quarter_of_the_memory_unless_another_size_is_set(tmp_path: Path) -> None:
    assert _heap_mb() > 0.9 * max(_heap_of_java_mb(), 1024)
    (tmp_path / "spark-defaults.conf").write_text("spark.driver.memory 700m\n")
    assert 600 < _heap_mb(SPARK_CONF_DIR=str(tmp_path)) <= 700
    assert 500 < _heap_mb(SPARK_DRIVER_MEMORY="600m") <= 600

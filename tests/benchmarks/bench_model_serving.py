"""What serving costs from a cold process, and how fast each runtime judges rows in bulk.

Run it with ``python -m tests.benchmarks.bench_model_serving [ROWS]``. Each figure is of a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.sealed import run_sealed

ROWS = 1_000_000

_COLD = """
import json, resource, time
start = time.perf_counter()
import numpy as np
from mood_core.classifier import load_classifier
imported = time.perf_counter()
classifier = load_classifier(runtime={runtime!r})
loaded = time.perf_counter()
random = np.random.default_rng(0)
matrix = random.random((200, 10), dtype=np.float32)
classifier.predict(matrix)
labelled = time.perf_counter()
big = random.random(({rows}, 10), dtype=np.float32)
begun = time.perf_counter()
classifier.predict(big)
took = time.perf_counter() - begun
print(json.dumps({{
    "import_s": imported - start, "load_s": loaded - imported, "first_200_s": labelled - loaded,
    "rows_per_s": {rows} / took, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}}))
"""


def measure(runtime: str, rows: int) -> dict[str, Any]:
    """Seconds, rows per second and peak MB of one fresh process."""
    code = _COLD.format(runtime=runtime, rows=rows)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def main(rows: int) -> None:
    """Print one line a runtime."""
    for runtime in ("litert", "keras"):
        figures = measure(runtime, rows)
        print(runtime, " ".join(f"{name}={value:,.3f}" for name, value in figures.items()))  # noqa: T201


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))

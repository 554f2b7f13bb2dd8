"""``mood_core.score`` against LiteRT alone (CPU seconds of one process), and 200 labels from a cold process.

Run it with ``python -m tests.benchmarks.bench_model_score [ROWS]``.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pyarrow as pa

import mood_core
from mood_core.classifier import load_classifier
from mood_core.domain.records import FEATURES
from tests.sealed import run_sealed

ROWS = 2_000_000
BATCH = 65_536

_COLD = f"""
import time
import numpy as np, pyarrow as pa
from mood_core import score
values = np.random.default_rng(0).random(200)
column = pa.Array.from_buffers(pa.float64(), 200, [None, pa.py_buffer(values)])
score(pa.RecordBatch.from_arrays([column] * 9, names={FEATURES[:-1]!r}))
print(time.process_time())
"""


def _table(rows: int) -> pa.Table:
    random = np.random.default_rng(0)
    columns = {name: random.random(rows) for name in FEATURES}
    columns |= {"loudness": -30 * columns["loudness"], "tempo": 60 + 120 * columns["tempo"]}
    return pa.table(columns | {"duration_ms": 60_000 + 300_000 * columns["duration_ms"]})


def main(rows: int) -> None:
    """Print the CPU seconds, their ratio, and those of a cold process."""
    model, table = load_classifier(), _table(rows)
    matrix = np.column_stack([table[name].to_numpy().astype(np.float32) for name in FEATURES])
    begun = time.process_time()
    model.predict(matrix)
    litert = time.process_time() - begun
    begun = time.process_time()
    for _ in mood_core.score(pa.RecordBatchReader.from_batches(table.schema, table.to_batches(BATCH)), model):
        pass
    whole = time.process_time() - begun
    cold = subprocess.run([sys.executable, "-c", _COLD], capture_output=True, text=True, check=True).stdout.strip()
    times = f"LiteRT {litert:.2f} s, score {whole:.2f} s, ratio {whole / litert:.2f}"
    print(f"{rows:,} rows: {times}; cold 200 labels {cold} s")  # noqa: T201


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))

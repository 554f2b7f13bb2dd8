"""From Parquet to moods in Parquet against LiteRT's raw speed, in one process and run.

Run it with ``python -m tests.benchmarks.bench_model_predict [ROWS]``: 10,000,000 rows want 1 GB of disk for a minute.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mood_core.classifier import load_classifier
from mood_core.domain.records import FEATURES
from mood_core.usecases.models.predict_file import predict_file
from tests.sealed import run_sealed

ROWS = 2_000_000
_CHUNK = 500_000


def _features(rows: int, random: np.random.Generator) -> NDArray[np.float32]:
    matrix = random.random((rows, len(FEATURES)), dtype=np.float32)
    matrix[:, FEATURES.index("loudness")] *= -30
    matrix[:, FEATURES.index("tempo")] = 60 + 120 * matrix[:, FEATURES.index("tempo")]
    matrix[:, FEATURES.index("duration_ms")] = 60_000 + 300_000 * matrix[:, FEATURES.index("duration_ms")]
    return matrix


def _write(path: Path, rows: int) -> None:
    random = np.random.default_rng(0)
    schema = pa.schema([("track_id", pa.string()), *((name, pa.float64()) for name in FEATURES)])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _CHUNK):
            matrix = _features(min(_CHUNK, rows - start), random).astype(np.float64)
            ids = pa.array([f"{start + index:022d}" for index in range(len(matrix))])
            writer.write_table(pa.Table.from_arrays([ids, *(pa.array(column) for column in matrix.T)], schema=schema))


def main(rows: int) -> None:
    """Print both speeds, their ratio and the peak memory."""
    classifier = load_classifier()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "features.parquet"
        _write(source, rows)
        matrix = _features(1_000_000, np.random.default_rng(1))
        begun = time.perf_counter()
        classifier.predict(matrix)
        raw = len(matrix) / (time.perf_counter() - begun)
        begun = time.perf_counter()
        predict_file(str(source), classifier, Path(folder) / "moods.parquet")
        whole = rows / (time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"LiteRT {raw:,.0f} rows/s, file to file {whole:,.0f} rows/s, ratio {whole / raw:.2f}, peak {peak:.0f} MB")  # noqa: T201


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))

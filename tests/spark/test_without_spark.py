"""What is said where Spark cannot run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from flows.cli import main
from flows.relabel_moods import label_again
from mood_core.errors import ConfigError
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS
from mood_core.spark.tables import read_files, spark_schema
from tests.store_data import NOW, listens


def test_one_sentence_says_what_is_missing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    result = CliRunner().invoke(main, ["relabel", "--engine", "spark"])
    assert result.exit_code == 78
    missing = "Java 17" if importlib.util.find_spec("pyspark") else "spark"
    (line,) = [line for line in result.stderr.splitlines() if missing in line]
    assert "install" in line or "sync" in line


def test_the_engine_is_one_of_two(home: Path) -> None:
    result = CliRunner().invoke(main, ["relabel", "--engine", "dask"])
    assert result.exit_code == 2
    assert "spark" in result.stderr


def test_the_flow_passes_its_engine_on(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigError, match="Java 17" if importlib.util.find_spec("pyspark") else "spark"):
        label_again.fn(None, drop_old=False, engine="spark")


def test_a_worker_reads_files_in_the_types_of_spark(tmp_path: Path) -> None:
    rows = [("ada", NOW, f"t{number}") for number in range(3)]
    path = open_lake(str(tmp_path)).write(LISTENS, listens(rows), created_at=NOW).path
    schema = spark_schema("listens").append(pa.field("batch", pa.string()))
    asked = pa.RecordBatch.from_pydict({"path": [path]})
    (batch,) = read_files([asked], url=str(tmp_path), schema=schema)
    assert batch.schema == schema
    assert batch.column("track_id").to_pylist() == ["t0", "t1", "t2"]
    assert set(batch.column("batch").to_pylist()) == {Path(path).name}
    assert not any(pa.types.is_dictionary(kind) or kind == pa.timestamp("ms", "UTC") for kind in schema.types)

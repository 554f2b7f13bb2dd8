"""What is said where Spark cannot run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli import main
from flows.relabel_moods import label_again
from mood_core.errors import ConfigError


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

"""Benchmarks, the crash harness and the screenshots are sealed off from a person's own settings."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sealed import ROOT, foreign, sealed_environment, without

BENCHMARKS = sorted((ROOT / "tests" / "benchmarks").glob("bench_*.py"))
SCRIPTS = [*BENCHMARKS, ROOT / "tests" / "crashes" / "__main__.py", ROOT / "docs" / "screenshots.py"]

TINY = {
    "bench_growth": ["1000", "1000", "1000"],
    "bench_features_catalog": ["2000"],
    "bench_features_chain": ["60"],
    "bench_import_history": ["200"],
    "bench_model_predict": ["500"],
    "bench_model_score": ["500"],
    "bench_model_serving": ["500"],
    "bench_model_training": ["80"],
    "bench_night_growth": ["kept", "1000", "2"],
    "bench_night_overhead": ["2"],
    "bench_partitions": ["2000", "3"],
    "bench_personal_heads": [],
    "bench_pull_scale": ["3", "2", "sqlite", "core"],
    "bench_questions": ["kept", "person", "sqlite", "2000"],
    "bench_relabel_stages": ["1000"],
    "bench_report_page": [],
    "bench_scale_plan": ["1000"],
    "bench_shared_pull": ["2", "0"],
    "bench_spark_relabel": ["2000"],
    "bench_spark_statistics": ["kept", "2000"],
    "bench_store_load": ["2000"],
    "bench_store_queries": ["kept", "2000"],
    "bench_web": ["1", "2"],
}
"""Arguments with which each benchmark takes seconds; those of the quickest run in the tests."""


@pytest.fixture
def decoy(tmp_path: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """The environment of a person with a history, and their folder; in the end nothing is in it but their file."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    settings = {
        "MOODLOG_HOME": str(folder / "home"),
        "MOODLOG_LAKE_URL": str(folder / "lake"),
        "MOODLOG_DATABASE_URL": f"sqlite:///{folder / 'moodlog.db'}",
        "DATABASE_URL": f"sqlite:///{folder / 'other.db'}",
        "MOODLOG_TOKEN_KEY": "theirs",
        "SPOTIPY_CLIENT_ID": "theirs",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    yield {**os.environ, **settings}, folder
    assert [path.name for path in folder.iterdir() if path.name != "kept"] == [".env"]


def _run(decoy: tuple[dict[str, str], Path], *command: str) -> subprocess.CompletedProcess[str]:
    """Python with a ``command``, in the folder and with the variables of the ``decoy``."""
    theirs, folder = decoy
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_what_is_foreign_is_left_out(decoy: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    theirs, folder = decoy
    theirs["MOODLOG_TEST_POSTGRES_URL"] = "for the tests"
    sealed = sealed_environment(theirs, tmp_path)
    assert str(folder) not in "".join(sealed.values())
    assert foreign(sealed) == ["MOODLOG_HOME", "PREFECT_HOME"]
    assert sealed["MOODLOG_TEST_POSTGRES_URL"] == "for the tests"
    assert "PATH" in without(theirs)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_ends_with_the_one_seal(script: Path) -> None:
    last = ast.parse(script.read_text(encoding="utf-8")).body[-1]
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    (called,) = last.body
    assert ast.unparse(called).startswith("run_sealed(")


def test_a_sealed_script_sees_none_of_it(decoy: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    _, folder = decoy
    script = tmp_path / "script.py"
    script.write_text(_PRINTS_WHAT_IT_SEES, encoding="utf-8")
    done = _run(decoy, str(script), "kept")
    assert done.returncode == 3, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("given") == str(folder / "kept")
    assert seen["child"] == seen["home"]
    assert not any("theirs" in str(value) for value in seen.values()), seen


_PRINTS_WHAT_IT_SEES = """
import json, os, subprocess, sys
from tests.sealed import given_path, run_sealed

def main():
    if sys.argv[1:] == ["child"]:
        print(os.environ["MOODLOG_HOME"])
        return 0
    from mood_core.settings import load_settings
    from prefect.settings import PREFECT_API_URL
    settings = load_settings()
    child = subprocess.run([sys.executable, __file__, "child"], capture_output=True, text=True, check=True)
    print(json.dumps({
        "home": str(settings.home), "lake": settings.lake, "database": settings.database,
        "client": settings.spotify_client_id, "prefect": PREFECT_API_URL.value(), "folder": os.getcwd(),
        "child": child.stdout.strip(), "given": str(given_path(sys.argv[1])),
    }))
    return 3

if __name__ == "__main__":
    run_sealed(main)
"""


def test_there_is_a_tiny_form_of_every_benchmark() -> None:
    assert set(TINY) == {script.stem for script in BENCHMARKS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bench_import_history", "bench_pull_scale"])
def test_a_benchmark_leaves_their_data_alone(name: str, decoy: tuple[dict[str, str], Path]) -> None:
    done = _run(decoy, "-m", f"tests.benchmarks.{name}", *TINY[name])
    assert done.returncode == 0, done.stderr

"""The wheel that ``pip install .`` makes carries everything a run needs, and so does a checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_ASK = """
import json, sys
import mood_core, flows
from flows.deployments import deployments_file, read_deployments
from mood_core.classifier import load_classifier
from mood_core.store.engine.sql_files import sql_files, sql_folder
print(json.dumps({
    "package": mood_core.__file__,
    "sql": str(sql_folder()),
    "tables": [file.name for kind in ("schema", "migrations") for file in sql_files(kind, "sqlite")],
    "deployments": [deployment.name for deployment in read_deployments()],
    "deployments_file": str(deployments_file()),
    "model": load_classifier().model_version,
    "tensorflow": "tensorflow" in sys.modules,
}))
"""


def _ask(python_path: str, folder: Path) -> dict[str, object]:
    asked = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=folder,
        env={"PYTHONPATH": python_path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert asked.returncode == 0, asked.stderr
    answer: dict[str, object] = json.loads(asked.stdout)
    return answer


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from this checkout."""
    out = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))


def test_an_installed_wheel_finds_its_sql_its_deployments_and_its_model(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    answer = _ask(str(installed), tmp_path)
    assert str(answer["package"]).startswith(str(installed))
    assert answer["sql"] == str(installed / "mood_core" / "_sql")
    assert answer["deployments_file"] == str(installed / "flows" / "_deploy" / "prefect.yaml")
    checkout = _ask(str(ROOT), tmp_path)
    assert {name: answer[name] for name in ("tables", "deployments", "model")} == {
        name: checkout[name] for name in ("tables", "deployments", "model")
    }


def test_a_checkout_finds_the_sql_at_its_top(tmp_path: Path) -> None:
    answer = _ask(str(ROOT), tmp_path)
    assert answer["sql"] == str(ROOT / "sql")
    assert answer["tensorflow"] is False


def test_the_wheel_holds_no_tests_and_no_training_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith("tests/") or name.endswith(("moods_train.csv", ".db"))]
    assert wheel.stat().st_size < 5_000_000


def test_help_answers_without_prefect_tensorflow_or_pandas() -> None:
    for arguments in (["--help"], ["status", "--help"], ["history", "--help"], ["run", "--help"]):
        code = (
            "import sys\nfrom flows.cli import main\n"
            f"sys.argv = ['moodlog', *{arguments!r}]\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
            "heavy = {'prefect', 'tensorflow', 'pandas', 'sklearn'} & set(sys.modules)\nassert not heavy, heavy\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        assert "Usage:" in done.stdout

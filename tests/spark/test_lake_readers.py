"""docs/lake-readers.md: each example reads the lake as it says, with the packages from PyPI that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import AUDIO_FEATURES
from tests.packaging.test_resolutions import _OFFLINE, _uv
from tests.sealed import ROOT
from tests.store_data import NOW, features, small_history

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "lake-readers.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"\n## ([^\n]+)\n.*?```python\n(.*?)```", PAGE, re.DOTALL))
LISTENS = [["ada", 48], ["grace", 48]]
# Under `uv run`, as in `make test-slow`, Ray would give its workers that environment: here the example has its own.
_RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
_SHOW = "\nif __name__ == '__main__':\n    import json\n    print(json.dumps(found))\n"


@pytest.fixture
def lake(home: Path) -> Path:
    """The lake of a small history."""
    with Workspace() as workspace:
        small_history(workspace.lake, workspace.database)
        workspace.batches.add(AUDIO_FEATURES, features([f"later{number}" for number in range(20)]), now=NOW)
    return home / "lake"


def _installed(packages: list[str], folder: Path, *, beside_moodlog: bool) -> Path:
    """An environment with ``packages``; moodlog's own library is read from the checkout."""
    uv = _uv()
    own = ["numpy", "pyarrow", "ai-edge-litert"] if beside_moodlog else []
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", str(folder), *own, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and any(part in done.stderr.lower() for part in _OFFLINE):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return folder / "bin" / "python"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_reads_the_lake(name: str, lake: Path, tmp_path: Path) -> None:
    first, _, body = EXAMPLES[name].partition("\n")
    packages, beside, _ = first.removeprefix("# pip install ").partition("  (beside moodlog)")
    python = _installed(packages.split(), tmp_path / "environment", beside_moodlog=bool(beside))
    script = tmp_path / "example.py"
    script.write_text(body + _SHOW, encoding="utf-8")
    environment = {**os.environ, **_RAY, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [python, script], cwd=lake, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == (26 if "score_batches" in body else LISTENS)

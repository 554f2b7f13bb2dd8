"""Prefect reads its settings when it is first imported, so that no command may import it before they are decided."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"flows.commands.{name}")
    assert "prefect" not in sys.modules, f"flows.commands.{name} imports Prefect"
"""


def test_no_command_imports_prefect_before_it_runs() -> None:
    files = resources.files("flows.commands").iterdir()
    names = sorted(file.name.removesuffix(".py") for file in files if file.name.endswith(".py"))
    assert "serve" in names
    done = subprocess.run(
        [sys.executable, "-c", CODE, *names], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr

"""The commands that moodlog names can be pasted as they are, whichever way it was installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core import installation

SCRIPTS = Path(sys.executable).parent


def _clean(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


def test_the_short_name_is_shown_only_where_the_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _clean(monkeypatch, SCRIPTS)
    assert installation.program() == "moodlog"
    _clean(monkeypatch, tmp_path)
    monkeypatch.chdir(SCRIPTS.parents[1])
    assert installation.program() == str(Path(SCRIPTS.parent.name, SCRIPTS.name, "moodlog"))
    monkeypatch.chdir(tmp_path)
    shown = installation.program()
    done = subprocess.run(["/bin/sh", "-c", f"{shown} --version"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("moodlog, version"), done.stderr


def test_the_path_of_uv_run_is_not_the_path_of_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(SCRIPTS.parents[1])
    _clean(monkeypatch, SCRIPTS, tmp_path)
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert installation.program().endswith("bin/moodlog")
    uv = tmp_path / "uv"
    uv.touch(mode=0o755)
    assert installation.program() == "uv run moodlog"


@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("", "pip install 'moodlog[train]'"),
        ("uv-receipt.toml", "uv tool install 'moodlog[train]'"),
        ("pipx_metadata.json", "pipx install --force 'moodlog[train]'"),
    ],
)
def test_an_extra_is_added_the_way_moodlog_was_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marker: str, command: str
) -> None:
    assert installation.install_extra("train").endswith("uv sync --inexact --extra train"), "this is a checkout"
    monkeypatch.setattr(installation, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / (marker or "pyvenv.cfg")).touch()
    assert installation.install_extra("train") == command


def test_an_environment_made_for_one_command_is_named_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "uv" / "archive-v0" / "x"))
    assert installation.program() == "uvx moodlog"
    assert installation.install_extra("train") == "uvx --from 'moodlog[train]' moodlog"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "pipx" / ".cache" / "x"))
    assert installation.program() == "pipx run moodlog"
    assert installation.install_extra("train") == "pipx run --spec 'moodlog[train]' moodlog"

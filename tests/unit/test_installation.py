"""The commands that moodlog names can be pasted as they are, whichever way it was installed."""

from __future__ import annotations

import json
import os
import re
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


_FROM_PIP = r"\S+ -m pip install|uv pip install --python \S+"


@pytest.mark.parametrize(
    ("origin", "package"),
    [
        ({"url": "file:///srv/moodlog-1.whl", "archive_info": {}}, "'moodlog[train] @ file:///srv/moodlog-1.whl'"),
        ({"url": "file:///srv/my%20checkout", "dir_info": {}}, "'moodlog[train] @ file:///srv/my%20checkout'"),
        (
            {"url": "file:///srv/my%20checkout", "dir_info": {"editable": True}},
            "--editable '/srv/my checkout[train]'",
        ),
        (
            {"url": "https://example.org/m.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "'moodlog[train] @ git+https://example.org/m.git@abc'",
        ),
        (None, "'moodlog[train]'"),
    ],
)
@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("pyvenv.cfg", _FROM_PIP),
        ("uv-receipt.toml", "uv tool install"),
        ("pipx_metadata.json", "pipx install --force"),
    ],
)
def test_an_extra_is_added_the_way_and_from_where_moodlog_was_installed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    origin: dict[str, object] | None,
    package: str,
    marker: str,
    command: str,
) -> None:
    _installed_from(monkeypatch, tmp_path, origin)
    (tmp_path / marker).touch()
    shown = installation.install_extra("train")
    assert shown.endswith(f" {package}")
    assert re.fullmatch(command, shown.removesuffix(f" {package}")), shown


def _installed_from(monkeypatch: pytest.MonkeyPatch, folder: Path, origin: dict[str, object] | None) -> None:
    """Put a distribution that was installed from ``origin`` in the place of this one."""
    info = folder / "site" / "moodlog-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moodlog\nVersion: 0.1.0\n")
    if origin:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.setattr(installation, "_CHECKOUT", folder)
    monkeypatch.setattr(sys, "prefix", str(folder))


@pytest.mark.parametrize(
    ("uv", "command"),
    [
        ("path", "uv"),
        (".uv/bin/uv", ".uv/bin/uv"),
        ("running", "{folder}/running"),
        (None, "make .uv/bin/uv && .uv/bin/uv"),
    ],
)
def test_a_checkout_names_a_uv_that_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uv: str | None, command: str
) -> None:
    monkeypatch.setattr(installation, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    _clean(monkeypatch, tmp_path / "path")
    monkeypatch.setenv("UV", str(tmp_path / "running"))
    (tmp_path / "uv.lock").touch()
    if uv:
        file = tmp_path / ("path/uv" if uv == "path" else uv)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o755)
    wanted = f"cd {tmp_path} && {command.format(folder=tmp_path)} sync --inexact --extra plots"
    assert installation.install_extra("plots") == wanted


def test_an_environment_made_for_one_command_is_named_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _installed_from(monkeypatch, tmp_path, {"url": "file:///srv/moodlog.whl"})
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "uv" / "archive-v0" / "x"))
    assert installation.program() == "uvx --from 'moodlog @ file:///srv/moodlog.whl' moodlog"
    assert installation.install_extra("train") == "uvx --from 'moodlog[train] @ file:///srv/moodlog.whl' moodlog"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "pipx" / ".cache" / "x"))
    assert installation.program() == "pipx run --spec 'moodlog @ file:///srv/moodlog.whl' moodlog"
    shown = installation.install_extra("train")
    assert shown == "pipx run --spec 'moodlog[train] @ file:///srv/moodlog.whl' moodlog"

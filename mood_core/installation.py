"""How this moodlog was installed: the command that starts it here, and the one that adds an extra."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
_NAME = "moodlog"


def program() -> str:
    """The command that starts moodlog in the shell of the person, to be pasted as it is."""
    if _is_ephemeral("uv"):
        return "uvx moodlog"
    if _is_ephemeral("pipx"):
        return "pipx run moodlog"
    folder = Path(sysconfig.get_path("scripts"))
    path = os.environ.get("PATH", "").split(os.pathsep)
    if "UV_RUN_RECURSION_DEPTH" in os.environ:  # started by `uv run`, which puts the folder first on the PATH
        if shutil.which("uv"):
            return "uv run moodlog"
        if str(folder) in path:
            path.remove(str(folder))
    found = shutil.which(_NAME, path=os.pathsep.join(path))
    script = folder / _NAME
    if found and Path(found).resolve() == script.resolve():
        return _NAME
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))


def install_extra(extra: str) -> str:
    """The command that adds the optional libraries ``extra`` to this installation."""
    package = f"'moodlog[{extra}]'"
    if (_CHECKOUT / "uv.lock").is_file():
        uv = "uv" if shutil.which("uv") or not (_CHECKOUT / ".uv").is_dir() else ".uv/bin/uv"
        there = "" if Path.cwd() == _CHECKOUT else f"cd {shlex.quote(str(_CHECKOUT))} && "
        return f"{there}{uv} sync --inexact --extra {extra}"
    if _is_ephemeral("uv"):
        return f"uvx --from {package} moodlog"
    if _is_ephemeral("pipx"):
        return f"pipx run --spec {package} moodlog"
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        return f"uv tool install {package}"
    if (prefix / "pipx_metadata.json").is_file():
        return f"pipx install --force {package}"
    return f"pip install {package}"


def _is_ephemeral(tool: str) -> bool:
    """Whether ``tool`` (uv or pipx) made this environment for one command: `uvx` or `pipx run`."""
    parts = Path(sys.prefix).parts
    return "archive-v0" in parts if tool == "uv" else "pipx" in parts and ".cache" in parts

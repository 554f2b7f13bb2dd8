"""How this moodlog was installed: the command that starts it here, and the one that adds an extra."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_CHECKOUT = Path(__file__).resolve().parents[1]
_NAME = "moodlog"


def program() -> str:
    """The command that starts moodlog in the shell of the person, to be pasted as it is."""
    if _is_ephemeral("uv"):
        return f"uvx --from {_package()} moodlog" if _origin() else "uvx moodlog"
    if _is_ephemeral("pipx"):
        return f"pipx run --spec {_package()} moodlog" if _origin() else "pipx run moodlog"
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
    prefix = Path(sys.prefix)
    if (_CHECKOUT / "uv.lock").is_file() and prefix == _CHECKOUT / ".venv":
        there = "" if Path.cwd() == _CHECKOUT else f"cd {shlex.quote(str(_CHECKOUT))} && "
        return f"{there}{_uv_of_checkout()} sync --inexact --extra {extra}"
    package = _package(extra)
    if _is_ephemeral("uv"):
        return f"uvx --from {package} moodlog"
    if _is_ephemeral("pipx"):
        return f"pipx run --spec {package} moodlog"
    if (prefix / "uv-receipt.toml").is_file():
        return f"uv tool install {package}"
    if (prefix / "pipx_metadata.json").is_file():
        return f"pipx install --force {package}"
    python = shlex.quote(sys.executable)
    has_pip = find_spec("pip") is not None
    return f"{python} -m pip install {package}" if has_pip else f"uv pip install --python {python} {package}"


def _uv_of_checkout() -> str:
    """The uv that the shell of the person finds, else the one that make has fetched or fetches for this checkout."""
    if shutil.which("uv"):
        return "uv"
    fetched = ".uv/bin/uv"
    if (_CHECKOUT / fetched).is_file():
        return fetched
    running = os.environ.get("UV", "")  # set by `uv run`
    return shlex.quote(running) if Path(running).is_file() else f"make {fetched} && {fetched}"


def _origin() -> dict[str, Any]:
    """Where this distribution was installed from (PEP 610); empty for a package index."""
    from importlib.metadata import distribution  # it costs more than most commands

    found: dict[str, Any] = json.loads(distribution(_NAME).read_text("direct_url.json") or "{}")
    return found


def _package(extra: str = "") -> str:
    """What to install, in quotes: this distribution with ``extra``, from where it was installed."""
    name, origin = f"{_NAME}[{extra}]" if extra else _NAME, _origin()
    if not origin:
        return shlex.quote(name)
    url = origin["url"]
    if origin.get("dir_info", {}).get("editable"):
        return f"--editable {shlex.quote(f'{unquote(urlsplit(url).path)}[{extra}]')}"
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return shlex.quote(f"{name} @ {url}")


def _is_ephemeral(tool: str) -> bool:
    """Whether ``tool`` (uv or pipx) made this environment for one command: `uvx` or `pipx run`."""
    parts = Path(sys.prefix).parts
    return "archive-v0" in parts if tool == "uv" else "pipx" in parts and ".cache" in parts

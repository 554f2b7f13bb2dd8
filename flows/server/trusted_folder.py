"""Refuses what Prefect and Python would take from the working directory where others can write to it.

Prefect reads ``.env``, ``prefect.toml`` and ``[tool.prefect]`` of ``pyproject.toml`` there; one of its settings names a
logging configuration, which can run any code. The processes in which ``moodlog serve`` runs flows import from there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.files.trusted import judge_folder, read_small, refuse_untrusted

_OWN_CODE = Path(__file__).resolve().parents[2]


def refuse_untrusted_prefect_settings(*files: Path) -> None:
    """Let the working directory's Prefect settings and ``files`` pass if they are trusted or absent.

    Raises:
        ConfigError: Others can change one of them; the message names it.
    """
    try:
        here = Path.cwd()
        for file in (here / ".env", here / "prefect.toml", here / "pyproject.toml", *files):
            if file.is_file() and (file.name != "pyproject.toml" or _is_about_prefect(file)):
                refuse_untrusted(file)
    except FileNotFoundError:
        return  # the working directory has been deleted
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be looked at: {error.strerror}. Repair it or move it away."
        ) from error


def refuse_untrusted_folder() -> None:
    """Let the working directory pass if no one else can write to it, or if it is where moodlog itself is installed.

    Raises:
        ConfigError: Others can change it.
    """
    here = Path.cwd()
    found = None if here == _OWN_CODE else judge_folder(here)
    if found is not None:
        raise ConfigError(
            f"{here} {found.reason}, and flow runs import code from the working directory. "
            "Start this command in a folder that only you can write to"
        )


def _is_about_prefect(file: Path) -> bool:
    try:
        return "prefect" in tomllib.loads(read_small(file) or "").get("tool", {})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False  # Prefect cannot read it either

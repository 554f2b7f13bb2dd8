"""Rejects Prefect settings and code in a working directory that other users can change.

Prefect reads ``.env``, ``prefect.toml`` and ``[tool.prefect]`` of ``pyproject.toml`` there. One of its settings names a
logging configuration, which can run any code. The run processes of ``moodlog serve`` import modules from there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.files.outside import read_small
from mood_core.files.trusted import judge_folder, refuse_untrusted

_OWN_CODE = Path(__file__).resolve().parents[2]


def refuse_untrusted_prefect_settings(*files: Path) -> None:
    """Check the Prefect settings of the working directory, and ``files``.

    Raises:
        ConfigError: Other users can change one of them; the message names it.
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
            f"{error.filename} cannot be checked: {error.strerror}. Repair it or move it away."
        ) from error


def refuse_untrusted_folder() -> None:
    """Check the working directory. The folder in which moodlog is installed passes.

    Raises:
        ConfigError: Other users can change it.
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
        return "prefect" in tomllib.loads(read_small(file).removeprefix("\ufeff")).get("tool", {})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False  # Prefect cannot read it either

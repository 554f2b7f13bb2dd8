"""The names and values from which settings come: the environment and ``.env`` files.

The environment takes precedence, then ``.env`` in the working directory, then ``HOME/.env``. HOME is MOODLOG_HOME in
the environment or in the working directory's ``.env``, or the default. A ``.env`` that others can change is refused.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import platformdirs

from mood_core.files.dotenv import Names, parsed, read_env_file
from mood_core.files.outside import absolute
from mood_core.text.sanitise import plain

log = logging.getLogger(__name__)

_HOME = "moodlog_home"
_reads: dict[str, str | None] = {"env_file": ".env"}  # pydantic's own reader does not check the owner


def default_home() -> Path:
    """The platform's data folder for moodlog."""
    return platformdirs.user_data_path("moodlog", appauthor=False)


def ignore_env_file() -> None:
    """Stop reading ``.env`` files in this process."""
    _reads["env_file"] = None


def env_files() -> dict[Path, Names]:
    """Each ``.env`` file with its names (in lower case) and values, in order of precedence.

    Raises:
        ConfigError: Others can change one of them, or it cannot be read.
    """
    name = _reads["env_file"]
    if name is None:
        return {}
    try:
        here = Path.cwd() / name
    except FileNotFoundError:  # the working directory has been deleted
        here = Path(os.devnull) / name
    near = read_env_file(here)
    home = parsed(os.environ).get(_HOME) or (near or {}).get(_HOME)
    there = (Path(home).expanduser() if home else default_home()) / name
    far = None if absolute(here) == absolute(there) else read_env_file(there)
    if far and far.pop(_HOME, None):
        log.warning("MOODLOG_HOME in %s is ignored: set it in the environment", plain(str(there)))
    return {file: names for file, names in ((here, near), (there, far)) if names is not None}


def names_in_use() -> Names:
    """The names (in lower case) and values of the environment and of all ``.env`` files."""
    found: Names = {}
    for names in (*reversed(env_files().values()), parsed(os.environ)):
        found |= names
    return found

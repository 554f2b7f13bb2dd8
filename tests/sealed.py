"""Seals tests, benchmarks and scripts off from the machine's own settings: none of them touches a person's data.

The test session is sealed by ``tests/conftest.py``; a script ends with ``run_sealed(main)``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SETTINGS = ("MOODLOG_", "SPOTIPY_", "DATABASE_URL")
"""How the names of moodlog's settings begin."""

_FOREIGN = (*SETTINGS, "PREFECT_", "AWS_")
_FOR_TESTS = "MOODLOG_TEST_"
"""How the names begin that are meant for the tests, such as the address of a PostgreSQL server."""

_SEALED = f"{_FOR_TESTS}SEALED_FROM"
"""Set inside a sealed script and its child processes: the working directory it was started in."""


def foreign(environment: Mapping[str, str], prefixes: tuple[str, ...] = _FOREIGN) -> list[str]:
    """The names in ``environment`` that could lead a test to a person's own data, server or account."""
    return [name for name in environment if name.startswith(prefixes) and not name.startswith(_FOR_TESTS)]


def without(environment: Mapping[str, str], prefixes: tuple[str, ...] = _FOREIGN) -> dict[str, str]:
    """``environment`` without its foreign names."""
    dropped = set(foreign(environment, prefixes))
    return {name: value for name, value in environment.items() if name not in dropped}


def sealed_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """``environment`` without its foreign names, with homes of moodlog and Prefect in ``folder``."""
    own = {"MOODLOG_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect")}
    sealed = without(environment) | own
    # Without bytecode files, each process of a test compiles moodlog and Prefect again: 3 s, or 10 s with Keras.
    sealed.pop("PYTHONDONTWRITEBYTECODE", None)
    return sealed


def run_sealed(main: Callable[[], object]) -> None:
    """Run the script that calls this again, in a new process that is sealed off, and call ``main`` there.

    A new process, because Prefect reads its settings when it is imported. Its working directory is an empty folder: a
    ``.env`` of the caller is not read. Ends this process with the exit code of the new one.
    """
    if _SEALED in os.environ:
        ended = main()
        sys.exit(ended if isinstance(ended, int) else 0)
    with tempfile.TemporaryDirectory(prefix="moodlog-sealed-") as folder:
        environment = sealed_environment(os.environ, Path(folder))
        paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        environment |= {_SEALED: str(Path.cwd()), "PYTHONPATH": os.pathsep.join(paths)}
        empty = Path(folder) / "empty"
        empty.mkdir()
        code = subprocess.run([sys.executable, *_script()], env=environment, cwd=empty, check=False).returncode
    sys.exit(code)


def _script() -> list[str]:
    """The words after ``python`` that start the running script from any folder."""
    spec = sys.modules["__main__"].__spec__
    program = [str(Path(sys.argv[0]).resolve())] if spec is None else ["-m", spec.name]
    return [*program, *sys.argv[1:]]


def given_path(word: str) -> Path:
    """The path that a person gave to a sealed script, relative to the folder where they started it."""
    return Path(os.environ.get(_SEALED, "")) / word

"""Fixtures that every tier of tests uses."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from standin import StandIn
from tests.databases import (
    bare_database_url,
    database,
    database_url,
    each_database,
    is_asked_for,
    migrated,
    partitioned_pool,
    postgres_pool,
    postgres_server,
    postgres_template,
    postgres_url,
    shared_database_url,
    sqlite_template,
)
from tests.sealed import SETTINGS, foreign, sealed_environment
from tests.shared_folder import SHARED

if TYPE_CHECKING:
    from mood_core.app.workspace import Workspace
    from tests.served_pages import ServedPages

__all__ = [
    "bare_database_url",
    "database",
    "database_url",
    "each_database",
    "migrated",
    "partitioned_pool",
    "postgres_pool",
    "postgres_server",
    "postgres_template",
    "postgres_url",
    "shared_database_url",
    "sqlite_template",
]

# The long form of the fuzzing: `pytest tests/fuzz --hypothesis-profile=long --timeout=0`, see tests/fuzz/hostile.py.
settings.register_profile("long", settings.get_profile("default"), print_blob=True)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""The moment at which the stand-in's clock stands still in tests."""


_SEALED = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Seal the session off from the machine's own settings, before a test module imports Prefect, which reads them."""
    folder = config.stash[_SEALED] = tempfile.TemporaryDirectory(prefix="moodlog-sealed-")
    sealed = sealed_environment(os.environ, Path(folder.name))
    os.environ.clear()
    os.environ.update(sealed)
    sys.dont_write_bytecode = False


def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete what tests left in the sealed homes."""
    if _SEALED in config.stash:
        config.stash[_SEALED].cleanup()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests take long, so that no process works alone at the end."""
    items[:] = [item for item in items if is_asked_for(item)]
    long = {item.path for item in items for name in ("keras", "prefect") if item.get_closest_marker(name)}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session", autouse=True)
def _no_env_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty working directory: the ``.env`` of a checkout is a person's own."""
    with contextlib.chdir(tmp_path_factory.mktemp("empty")):
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of labelled tracks and API descriptions; skips where it is absent."""
    if SHARED is None:
        pytest.skip("the folder of shared material is not beside this checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """The command line sets up moodlog's loggers for its process; other tests must not inherit that."""
    yield
    for name in ("mood_core", "flows"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def pages(space: Workspace) -> Iterator[ServedPages]:
    """The live pages of the module's own ``space``."""
    from tests.served_pages import served

    with served(space) as running:
        yield running


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in of Spotify and ReccoBeats with three listeners, whose clock stands still at ``NOW``."""
    with StandIn(seed=11, listeners=3, now=NOW, frozen=True) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, with no other setting of moodlog in the environment."""
    for name in foreign(os.environ, SETTINGS):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "home"
    monkeypatch.setenv("MOODLOG_HOME", str(folder))
    monkeypatch.setenv("MOODLOG_RESOLVERS", "none")  # the tests of resolvers set it themselves
    monkeypatch.setenv("MOODLOG_RECCOBEATS_URL", "http://127.0.0.1:9")  # nobody answers: no test calls the real service
    return folder

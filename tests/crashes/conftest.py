"""What the tests of crashes, faults and several runs at once share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.crashes.driver import Crashes
from tests.crashes.homes import standin_for_crashes
from tests.crashes.syscalls import can_count


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Crashes]:
    """The stand-in, the prepared homes, and a PostgreSQL server."""
    if not can_count():
        pytest.skip("only Linux hands over the system calls of a process")
    with ExitStack() as stack:
        standin = stack.enter_context(standin_for_crashes())
        crashes = Crashes(tmp_path_factory.mktemp("crashes"), standin, postgres_server)
        stack.callback(crashes.close)
        yield crashes

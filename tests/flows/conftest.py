"""Fixtures of the tests that run flows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import StandIn
from tests.nights import connect_listeners, point_at, workspace_of


@pytest.fixture
def slow_service(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A home with three listeners, whose service takes its time."""
    with StandIn(seed=5, listeners=3) as standin:
        point_at(standin, monkeypatch)
        monkeypatch.setenv("MOODLOG_SHARDS", "1")
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        standin.latency_s = 2.0
        yield standin

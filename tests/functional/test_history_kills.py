"""A long history is read by processes that are killed: one call a page, and what was read is not requested again."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import StandIn
from tests.nights import workspace_of
from tests.scrobbling import EACH, ENDPOINTS, PAGES, stored, without_an_app

COUNTS = {"listenbrainz": 100_000, "lastfm": 100_000}
KILLED_AT = (0.2, 0.55)
"""The shares of the pages that are served before each kill."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_500)]


@pytest.fixture
def standin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in, and a person without an app."""
    with without_an_app(monkeypatch) as running:
        yield running


@EACH
def test_a_history_of_100_000_listens_survives_kills(standin: StandIn, service: str) -> None:
    name, endpoint, count = standin.listeners[0].listener_id, ENDPOINTS[service], COUNTS[service]
    standin.histories.give(name, count)
    pages = math.ceil(count / PAGES[service])
    for share in KILLED_AT:
        process = _start("connect", "--from", service, name, "--timezone", "UTC")
        while standin.calls.count(endpoint) < share * pages and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, "it is still reading"
        process.kill()
        process.wait()
    last = _start("connect", "--from", service, name)
    assert last.wait(timeout=1_200) == 0
    with workspace_of(standin) as workspace:
        assert stored(workspace) == count
        assert workspace.listens.open_gaps(f"{service}:{name}") == []
    runs, calls = len(KILLED_AT) + 1, standin.calls.entries(endpoint)
    own = runs - 1  # each run but the first reads the newest page again
    assert pages + own <= len(calls) <= pages + own + len(KILLED_AT), "a kill repeats the page that was being stored"
    if service == "listenbrainz":
        asked = Counter(call.query for call in calls if "max_ts" in call.query)
        assert sum(times - 1 for times in asked.values()) <= len(KILLED_AT)


def _start(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

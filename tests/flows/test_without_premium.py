"""A newcomer without Premium follows the README: the commands of its table, as processes, against the stand-in."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.schedules import IntervalSchedule

from mood_core.domain.records import MOODS
from standin import StandIn
from standin.scrobbles import Row
from tests.flows.deployed import MOODLOG, until
from tests.flows.serving import NIGHTS, Serving, serving
from tests.nights import settings_for

README = Path(__file__).parents[2] / "README.md"


def _row(service: str) -> list[str]:
    """The commands in the README's table for a person with ``service``."""
    line = next(line for line in README.read_text().splitlines() if f"--from {service}" in line)
    return re.findall(r"`(moodlog [^`]+)`", line)


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("service", ["listenbrainz", "lastfm"])
def test_the_commands_of_the_readme_lead_to_a_nightly_mood_history(
    home: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(seed=11, listeners=1) as standin:
        for name, value in settings_for(standin).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MOODLOG_RESOLVERS", "deezer")
        monkeypatch.setenv("MOODLOG_LASTFM_API_KEY", "lastfm-key")
        for name in ("MOODLOG_SPOTIFY_CLIENT_ID", "PREFECT_API_URL"):
            monkeypatch.delenv(name, raising=False)
        listener = standin.listeners[0]
        standin.histories.give(listener.listener_id, 40)
        connect, nightly, schedule = (row.replace("NAME", listener.listener_id).split()[1:] for row in _row(service))
        _moodlog(*connect)
        _moodlog(*nightly)
        before = _status()
        new = int(standin.clock.now().timestamp()) - 60
        rows_before = standin.histories.rows(service, listener)
        standin.histories.given[listener.listener_id] = [Row(new, 0, rows_before[-1].song, 0), *rows_before]
        assert schedule == ["serve"]
        with serving(home) as serve:
            _every_20_seconds(serve)
            assert until(lambda: serve.rows(NIGHTS) or None, 500)[0] == ("Completed",)
            assert serve.stop(signal.SIGINT) == 0, serve.said
        after = _status()
        moods = _moodlog("history", "--json")
    days = [json.loads(line)["listens"] for line in moods.splitlines()]
    assert sum(count for day in days for mood, count in day.items() if mood in MOODS) > 0
    for state in (before, after):
        assert (state["users"][0]["service"], state["users"][0]["last_problem"]) == (service, None)
        assert all(gap["filled_at"] for gap in state["gaps"])
    assert after["users"][0]["last_pulled_at"] > before["users"][0]["last_pulled_at"]
    assert _plays(after) == _plays(before) + 1, "the nightly run of serve has stored the new play"


def _moodlog(*words: str) -> str:
    """What a command writes to stdout; it must not fail."""
    done = subprocess.run([*MOODLOG, *words], capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _every_20_seconds(serve: Serving) -> None:
    """Let the scheduler of ``serve`` start the nightly run soon."""
    with serve.client() as client:
        nightly = client.read_deployment_by_name("run-nightly/nightly")
        often = IntervalSchedule(interval=timedelta(seconds=20))
        client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, schedule=often)


def _status() -> dict[str, Any]:
    status: dict[str, Any] = json.loads(_moodlog("status", "--json"))
    return status


def _plays(status: dict[str, Any]) -> int:
    return sum(row["listens"] for row in status["history"])

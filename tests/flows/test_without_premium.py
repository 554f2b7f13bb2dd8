"""A newcomer without Premium follows the README: the commands of its table, as processes, against the stand-in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mood_core.domain.records import MOODS
from standin import StandIn
from tests.nights import settings_for

README = Path(__file__).parents[2] / "README.md"


def _row(service: str) -> list[str]:
    """The commands in the README's table for a person with ``service``."""
    line = next(line for line in README.read_text().splitlines() if f"--from {service}" in line)
    return re.findall(r"`(moodlog [^`]+)`", line)


@pytest.mark.slow
@pytest.mark.prefect
def test_the_commands_of_the_readme_lead_to_a_mood_history(home: Path, tmp_path: Path) -> None:
    with StandIn(seed=11, listeners=1) as standin:
        settings = settings_for(standin) | {"MOODLOG_RESOLVERS": "none", "PREFECT_HOME": str(tmp_path / "prefect")}
        del settings["MOODLOG_SPOTIFY_CLIENT_ID"]

        def run(command: str, *options: str) -> str:
            words = [*command.replace("NAME", standin.listeners[0].listener_id).split()[1:], *options]
            call = [sys.executable, "-m", "flows.cli", *words]
            done = subprocess.run(
                call, env=os.environ | settings, capture_output=True, text=True, timeout=280, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        connect, nightly, schedule = _row("listenbrainz")
        assert schedule == "moodlog serve", "which runs `moodlog run` every night, see tests/flows/test_serve.py"
        run(connect)
        run(nightly)
        moods = run("moodlog history", "--json")
        status = json.loads(run("moodlog status", "--json"))
    days = [json.loads(line)["listens"] for line in moods.splitlines()]
    assert sum(count for day in days for mood, count in day.items() if mood in MOODS) > 0
    assert status["users"][0]["service"] == "listenbrainz"
    assert all(gap["filled_at"] for gap in status["gaps"])

"""PostgreSQL restarts in the middle of a night: the night tries again with its own leases, and misses nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mood_core.usecases.nightly.night_report import NightReport
from standin import StandIn
from tests.databases import postgres_of_its_own
from tests.flows.deployed import prefect_server, until
from tests.nights import connect_listeners, contents, point_at, truth, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.postgresql]


def test_a_night_pulls_everybody_although_its_database_restarts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.run_nightly import run_nightly

    with (
        StandIn(seed=8, listeners=6, frozen=True, latency_s=0.3) as standin,
        postgres_of_its_own() as postgres,
        prefect_server(tmp_path / "prefect"),
    ):
        point_at(standin, monkeypatch)
        monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres.url)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)

        def restart() -> None:
            until(lambda: standin.calls.count("recently_played") >= 2, 300)
            postgres.stop()
            postgres.start()

        restarting = threading.Thread(target=restart)
        restarting.start()
        state = run_nightly(return_state=True)
        restarting.join()
        assert state.name == "Completed", state.message
        report = state.result()
        assert isinstance(report, NightReport)
        assert len(report.outcomes) == 6
        with workspace_of(standin) as workspace:
            listens = {(user_id, at) for user_id, at, *_ in contents(workspace)["listens"]}
        assert listens == {(user_id, at) for user_id, moments in truth(standin).items() for at in moments}

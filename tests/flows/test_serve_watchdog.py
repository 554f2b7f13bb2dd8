"""``moodlog serve`` watches itself: a server that dies, a scheduler that schedules nothing, a port that is taken."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Crashed

from flows.alerting.events import SCHEDULE_BROKEN
from flows.server.process_lock import holder
from flows.serving.replacement_runs import replace_missed_runs
from standin import StandIn
from tests.flows.deployed import MOODLOG, prefect_server, run, until
from tests.flows.serving import DEFAULT_PORT, STATE, begin_a_pull, serving

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_a_port_in_use_is_refused_where_it_was_asked_for_and_replaced_loudly_where_not(home: Path) -> None:
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another program has it, which does as well
            taken.bind(("127.0.0.1", DEFAULT_PORT))
            taken.listen()
        refused = run(*MOODLOG, "serve", "--port", str(DEFAULT_PORT), ok=False)
        assert refused.returncode == 75
        assert f"port {DEFAULT_PORT} " in refused.stderr
        assert "--port" in refused.stderr
        with serving(home, port=DEFAULT_PORT) as serve:
            assert f"Port {DEFAULT_PORT} is in use by another program" in serve.said
            chosen = re.search(r"For monitors: http://127\.0\.0\.1:(\d+)/health", serve.said)
            assert chosen is not None
            serve.port = int(chosen[1])
            # Until Prefect has started: Python ends by a signal that comes while an import evaluates text.
            until(lambda: serve.health()[0] == 200 or None)
            assert serve.stop(signal.SIGINT) == 0


def test_a_server_that_is_killed_is_started_again_and_a_failed_pull_is_no_crash(
    slow_service: StandIn, home: Path
) -> None:
    with serving(home) as serve:
        until(lambda: serve.health()[0] == 200 or None)
        held = holder(home / "prefect" / "server.lock")
        assert held is not None
        os.kill(held["pid"], signal.SIGKILL)
        serve.wait_until_said("the Prefect server has ended")
        serve.wait_until_said("Restarting the Prefect server.")
        until(lambda: serve.health()[0] == 200 or None)
        following = begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, following), 400) == [("Completed",)]
        for listener in slow_service.listeners:
            slow_service.revoke(listener.listener_id)
        failing = begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, failing), 400) == [("Failed",)]
        assert serve.stop() == 0
        messages = "\n".join(row[0] for row in serve.rows("SELECT message FROM log"))
        for text in (serve.said, messages):
            assert "unexpected exception" not in text, "a pull that failed is no crash of the engine"
            assert "Traceback" not in text


def test_a_scheduler_that_schedules_nothing_is_reported_and_ends_serve(slow_service: StandIn, home: Path) -> None:
    with serving(home, PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as serve:
        failing = until(lambda: found if (found := serve.health())[1].get("scheduler") == "not scheduling" else None)
        assert (failing[0], failing[1]["status"]) in {(200, "starting"), (503, "problem")}
        serve.wait_until_said("PROBLEM")
        assert "no run is scheduled for" in serve.said
        status, report = serve.health()
        assert status in {0, 503}  # 0 while the server is started again
        assert report.get("scheduler", "not scheduling") == "not scheduling"
        assert serve.process.wait(timeout=600) == 75
        assert "restart of the Prefect server did not help" in serve.said
        assert "Traceback" not in serve.said
    assert (SCHEDULE_BROKEN,) in serve.rows("SELECT event FROM events")


def test_a_missed_run_is_tried_three_times_and_left_to_the_next_where_that_is_soon(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "false")
    now = datetime.now(UTC)
    with prefect_server(home / "prefect"), get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("run-nightly")
        ids = {}
        for name, cron in (("nightly", f"{now:%M} {(now + timedelta(hours=12)):%H} * * *"), ("soon", "* * * * *")):
            schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone="UTC"), active=True)
            ids[name] = client.create_deployment(flow_id=flow_id, name=name, schedules=[schedule])
        assert list(replace_missed_runs(client, list(ids.values()), now)) == [], "on its first day nothing was missed"
        with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=30)) as database, database:
            database.execute("UPDATE deployment SET created = ?", (f"{now - timedelta(days=3):%Y-%m-%d %H:%M:%S.%f}",))
        for _ in range(3):
            (done,) = replace_missed_runs(client, list(ids.values()), now)
            assert "nightly" in done.what
            assert list(replace_missed_runs(client, list(ids.values()), datetime.now(UTC))) == [], (
                "one run waits already"
            )
            (waiting,) = [one for one in client.read_flow_runs() if one.state is not None and one.state.is_scheduled()]
            client.set_flow_run_state(waiting.id, Crashed(), force=True)
        assert list(replace_missed_runs(client, list(ids.values()), now)) == []

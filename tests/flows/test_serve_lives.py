"""``moodlog serve`` over months: killed, stopped, restarted, off for days, with a server or a scheduler that fails."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from flows.events import SCHEDULE_BROKEN
from flows.process_lock import holder
from flows.server_place import free_port
from mood_core.standin import StandIn
from tests.flows.deployed import MOODLOG, run, until
from tests.flows.serving import DEFAULT_PORT, Serving, serving
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(900)]

UNFINISHED = (
    "SELECT id FROM flow_run WHERE state_type IN ('RUNNING', 'PENDING', 'CANCELLING')"
    " UNION ALL SELECT id FROM task_run WHERE state_type IN ('RUNNING', 'PENDING', 'CANCELLING')"
)
STATE = "SELECT state_name FROM flow_run WHERE id = ? AND end_time IS NOT NULL"
NIGHTS = "SELECT r.id FROM flow_run AS r JOIN deployment AS d ON d.id = r.deployment_id WHERE d.name = 'nightly'"
SLOTS = "SELECT name FROM concurrency_limit_v2 WHERE active_slots > 0"


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


def _begin_a_pull(serve: Serving, standin: StandIn) -> str:
    """Start a pull by hand and wait until it asks the service; returns the run's id."""
    calls = len(standin.calls.entries())
    with serve.client() as client:
        pull = client.read_deployment_by_name("sync-listens/pull")
        run = client.create_flow_run_from_deployment(pull.id, parameters={"due_only": False})
    until(lambda: len(standin.calls.entries()) > calls or None, 400)
    return str(run.id)


@pytest.mark.skipif(os.name == "nt", reason="processes and signals as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_serve_that_ends_in_mid_run_leaves_nothing_in_the_way(
    slow_service: StandIn, home: Path, how: signal.Signals
) -> None:
    port = free_port(None)
    with serving(home, port=port) as first:
        run_id = _begin_a_pull(first, slow_service)
        (record,) = (home / "prefect" / "runs").glob("*.run")
        exit_code = first.stop(how)
    if how is signal.SIGKILL:
        until(lambda: holder(record) is None or None, 120)  # its process does not live on
    else:
        assert exit_code == 0, first.said
        assert "Traceback" not in first.said
        assert "finishes its current account" in first.said
    state = "Crashed" if how is signal.SIGKILL else "Cancelled"
    with serving(home, port=port) as second:
        assert second.rows(STATE, run_id) == [(state,)]
        assert second.rows(UNFINISHED) == []
        assert second.rows(SLOTS) == []
        assert list((home / "prefect" / "runs").glob("*")) == []
        following = _begin_a_pull(second, slow_service)
        assert until(lambda: second.rows(STATE, following), 400) == [("Completed",)]


def test_a_failed_run_is_no_crash_of_the_engine(slow_service: StandIn, home: Path) -> None:
    for listener in slow_service.listeners:
        slow_service.revoke(listener.listener_id)
    with serving(home) as serve:
        run_id = _begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, run_id), 400) == [("Failed",)]
        assert serve.stop() == 0
        messages = "\n".join(row[0] for row in serve.rows("SELECT message FROM log"))
        for text in (serve.said, messages):
            assert "unexpected exception" not in text
            assert "Traceback" not in text


def test_work_that_does_not_end_in_time_is_cancelled(slow_service: StandIn, home: Path) -> None:
    with serving(home) as serve:
        slow_service.latency_s = 120.0
        run_id = _begin_a_pull(serve, slow_service)
        assert serve.stop() == 0
        assert "Traceback" not in serve.said
    with serving(home) as serve:
        assert serve.rows(STATE, run_id)[0][0] in {"Cancelled", "Crashed"}
        assert serve.rows(SLOTS) == serve.rows(UNFINISHED) == []
        slow_service.latency_s = 0.0
        following = _begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, following), 400) == [("Completed",)]


def test_a_run_of_a_living_worker_is_left_alone(slow_service: StandIn, home: Path) -> None:
    """What `moodlog serve` did not start is not its to judge."""
    with serving(home) as serve, serve.client() as client:
        flow = client.create_flow_from_name("run-nightly")
        from prefect import flow as make_flow
        from prefect.states import Running

        @make_flow(name="run-nightly")
        def night() -> None: ...

        run = client.create_flow_run(night)
        assert run.flow_id == flow
        client.set_flow_run_state(run.id, Running(), force=True)
        serve.stop()
    with serving(home) as again, again.client() as client:
        state = client.read_flow_run(run.id).state
        assert state is not None
        assert state.type is StateType.RUNNING


def test_a_missed_night_is_made_up_for_once(slow_service: StandIn, home: Path) -> None:
    with serving(home) as serve:
        serve.stop()
        assert "missed run" not in serve.said, "on its first day nothing was missed"
    before = datetime.now(UTC) - timedelta(days=2)
    with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=30)) as database, database:
        stamp = before.strftime("%Y-%m-%d %H:%M:%S.%f")
        database.execute("UPDATE deployment SET created = ?", (stamp,))
        # The runs that were scheduled while it was on are now two nights late, and many pulls.
        late = "UPDATE flow_run SET next_scheduled_start_time = ?, expected_start_time = ? WHERE id = ?"
        for days, (run_id,) in enumerate(database.execute(f"{NIGHTS} LIMIT 2").fetchall(), start=1):
            at = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
            database.execute(late, (at, at, run_id))
    ended = (
        "SELECT r.state_name, r.auto_scheduled FROM flow_run AS r JOIN deployment AS d ON d.id = r.deployment_id"
        " WHERE d.name = 'nightly' AND r.end_time IS NOT NULL ORDER BY r.state_name"
    )
    with serving(home) as serve:
        until(lambda: any(row[0] == "Completed" for row in serve.rows(ended)) or None, 400)
        assert [row[0] for row in serve.rows(ended)] == ["Cancelled", "Completed"]
        serve.stop()
    # Nothing late is there any more, and the last night is two days ago: one run is made.
    with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=30)) as database, database:
        old = before.strftime("%Y-%m-%d %H:%M:%S.%f")
        for (run_id,) in database.execute(NIGHTS).fetchall():
            database.execute("UPDATE flow_run SET start_time = ?, end_time = ? WHERE id = ?", (old, old, run_id))
    with serving(home) as serve:
        assert "missed run of nightly" in serve.said
        until(lambda: len(serve.rows(ended)) == 3 or None, 400)
        serve.stop()
    with serving(home) as serve:
        assert "missed run of nightly" not in serve.said
        assert [row[0] for row in serve.rows(ended)] == ["Cancelled", "Completed", "Completed"]


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
            assert serve.stop(signal.SIGINT) == 0


def test_a_server_that_is_killed_is_started_again(slow_service: StandIn, home: Path) -> None:
    with serving(home) as serve:
        until(lambda: serve.health()[0] == 200 or None)
        held = holder(home / "prefect" / "server.lock")
        assert held is not None
        os.kill(held["pid"], signal.SIGKILL)
        serve.wait_until_said("the Prefect server has ended")
        serve.wait_until_said("The Prefect server is started again.")
        until(lambda: serve.health()[0] == 200 or None)
        following = _begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, following), 400) == [("Completed",)]
        assert serve.stop() == 0


def test_a_scheduler_that_schedules_nothing_is_reported_and_ends_serve(slow_service: StandIn, home: Path) -> None:
    with serving(home, PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as serve:
        serve.wait_until_said("PROBLEM")
        assert "no run is scheduled for" in serve.said
        status, report = serve.health()
        assert status in {0, 503}  # 0 while the server is started again
        assert report.get("scheduler", "not scheduling") == "not scheduling"
        assert serve.process.wait(timeout=600) == 75
        assert "starting the Prefect server again did not help" in serve.said
        assert "Traceback" not in serve.said
    assert (SCHEDULE_BROKEN,) in serve.rows("SELECT event FROM events")

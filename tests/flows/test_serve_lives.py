"""``moodlog serve`` over months: killed, stopped, restarted and off for days, with runs under way."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import flow
from prefect.states import Running

from flows.server.process_lock import holder
from flows.serving.replacement_runs import SOON
from standin import StandIn
from tests.flows.deployed import free_port, until
from tests.flows.serving import STATE, Serving, begin_a_pull, rows, serving

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

UNFINISHED = (
    "SELECT id FROM flow_run WHERE state_type IN ('RUNNING', 'PENDING', 'CANCELLING')"
    " UNION ALL SELECT id FROM task_run WHERE state_type IN ('RUNNING', 'PENDING', 'CANCELLING')"
)
NIGHTS = "SELECT r.id FROM flow_run AS r JOIN deployment AS d ON d.id = r.deployment_id WHERE d.name = 'nightly'"
SLOTS = "SELECT name FROM concurrency_limit_v2 WHERE active_slots > 0"


def _run_of_a_worker(serve: Serving) -> str:
    """A run under way that `moodlog serve` did not start; returns its id."""

    @flow(name="run-nightly")
    def night() -> None: ...

    with serve.client() as client:
        run = client.create_flow_run(night)
        client.set_flow_run_state(run.id, Running(), force=True)
    return str(run.id)


@pytest.mark.skipif(os.name == "nt", reason="processes and signals as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_serve_that_ends_in_mid_run_leaves_nothing_in_the_way(
    slow_service: StandIn, home: Path, how: signal.Signals
) -> None:
    port = free_port()
    with serving(home, port=port) as first:
        foreign = _run_of_a_worker(first)
        run_id = begin_a_pull(first, slow_service)
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
        assert [row[0] for row in second.rows(UNFINISHED)] == [foreign], "what others run is not serve's to judge"
        assert second.rows(SLOTS) == []
        assert list((home / "prefect" / "runs").glob("*")) == []
        following = begin_a_pull(second, slow_service)
        assert until(lambda: second.rows(STATE, following), 400) == [("Completed",)]


def test_work_that_does_not_end_in_time_is_cancelled(slow_service: StandIn, home: Path) -> None:
    with serving(home) as serve:
        slow_service.latency_s = 120.0
        run_id = begin_a_pull(serve)
        leased = "SELECT user_key FROM _accounts WHERE leased_by IS NOT NULL"
        until(lambda: rows(home / "moodlog.db", leased) or None, 400)  # and then it asks at once
        assert serve.stop() == 0
        assert "Traceback" not in serve.said
    with serving(home) as serve:
        assert serve.rows(STATE, run_id)[0][0] in {"Cancelled", "Crashed"}
        assert serve.rows(SLOTS) == serve.rows(UNFINISHED) == []
        slow_service.latency_s = 0.0
        following = begin_a_pull(serve, slow_service)
        assert until(lambda: serve.rows(STATE, following), 400) == [("Completed",)]


def test_a_missed_night_is_made_up_for_once(slow_service: StandIn, home: Path) -> None:
    now = datetime.now(UTC)
    next_night = (now.replace(hour=4, minute=30) - now) % timedelta(days=1)
    if next_night < SOON + timedelta(minutes=15):
        pytest.skip("the next night begins within an hour: it takes the place of a missed one")
    with serving(home) as serve:
        serve.stop()
        assert "missed run" not in serve.said, "on its first day nothing was missed"
    before = datetime.now(UTC) - timedelta(days=2)
    with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=30)) as database, database:
        stamp = before.strftime("%Y-%m-%d %H:%M:%S.%f")
        database.execute("UPDATE deployment SET created = ?", (stamp,))
        # The runs that were scheduled while it was on are now two nights late, and many pulls.
        late = "UPDATE flow_run SET next_scheduled_start_time = ?, expected_start_time = ? WHERE id = ?"
        state = "UPDATE flow_run_state SET state_details = json_set(state_details, '$.scheduled_time', ?)"
        for days, (run_id,) in enumerate(database.execute(f"{NIGHTS} LIMIT 2").fetchall(), start=1):
            at = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
            database.execute(late, (at, at, run_id))
            database.execute(f"{state} WHERE flow_run_id = ?", (f"{at.replace(' ', 'T')}Z", run_id))
    ended = (
        "SELECT r.state_name, r.auto_scheduled FROM flow_run AS r JOIN deployment AS d ON d.id = r.deployment_id"
        " WHERE d.name = 'nightly' AND r.end_time IS NOT NULL ORDER BY r.state_name"
    )
    with serving(home) as serve:
        until(lambda: any(row[0] == "Completed" for row in serve.rows(ended)) or None, 400)
        # Late runs are cancelled; those that the server had not called late yet go when serve deploys again.
        states = [row[0] for row in serve.rows(ended)]
        assert (states.count("Completed"), set(states) <= {"Cancelled", "Completed"}) == (1, True)
        serve.stop()
    # Nothing late is there any more, and the last night is two days ago: one run is made.
    with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=30)) as database, database:
        old = before.strftime("%Y-%m-%d %H:%M:%S.%f")
        for (run_id,) in database.execute(NIGHTS).fetchall():
            database.execute("UPDATE flow_run SET start_time = ?, end_time = ? WHERE id = ?", (old, old, run_id))
    with serving(home) as serve:
        assert "missed run of nightly" in serve.said
        until(lambda: len(serve.rows(ended)) == len(states) + 1 or None, 400)
        serve.stop()
    with serving(home) as serve:
        assert "missed run of nightly" not in serve.said
        assert [row[0] for row in serve.rows(ended)] == [*states, "Completed"]

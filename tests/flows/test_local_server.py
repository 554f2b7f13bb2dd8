"""The local Prefect server: found where it runs, gone when its owner is."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import get_client

from flows.server.find_server import find_or_lock, listen_on, port_of
from flows.server.local_server import local_server
from flows.server.process_lock import ProcessLock, holder
from mood_core.errors import Unavailable
from tests.flows.deployed import prefect_server, until

pytestmark = pytest.mark.prefect

_OWNER = """
import sys, time
from pathlib import Path
from flows.server.local_server import local_server
with local_server(Path(sys.argv[1])) as server:
    print(server._process.pid, flush=True)
    time.sleep(600)
"""


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("after_s", [0.0, 6.0])
def test_a_server_ends_when_its_owner_is_killed(tmp_path: Path, after_s: float) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path / "prefect")], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    time.sleep(after_s)
    assert _is_running(server)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 600
    while _is_running(server):
        assert time.monotonic() < deadline, "the server outlives its owner"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_server_takes_the_port_of_one_whose_owner_was_killed_and_no_two_share_a_history(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    with listen_on(None) as probe:
        port = port_of(probe)
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER.replace("sys.argv[1])", f"sys.argv[1]), port={port}"), str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    first = int(owner.stdout.readline())
    held = holder(home / "server.lock")
    assert held is not None
    assert (held["pid"], held["parent"]) == (first, owner.pid)
    said: list[str] = []
    with ThreadPoolExecutor() as waiting:
        # A server of its own, as `moodlog serve` wants it, waits for the one that another process still uses.
        second = waiting.submit(find_or_lock, home, own=True, say=said.append)
        deadline = time.monotonic() + 600
        while not said:
            assert time.monotonic() < deadline, "nothing is said of the process that is waited for"
            time.sleep(0.05)
        owner.kill()
        owner.wait()
        owner.stdout.close()
        lock = second.result(timeout=600)
    assert str(owner.pid) in said[0]
    assert isinstance(lock, ProcessLock)
    lock.close()
    with local_server(home, port=port, strict=True) as server:
        assert not _is_running(first)
        assert server.api_url == f"http://127.0.0.1:{port}/api"
        server.wait_until_ready()
        # The route of monitors is there, and says that no `moodlog serve` reports.
        answer = httpx.get(f"{server.ui_url}/health", timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (503, "problem")
        (home / "health.json").write_text(f'{{"status": "ok", "checked_at": "{datetime.now(UTC).isoformat()}"}}')
        assert httpx.get(f"{server.ui_url}/health", timeout=30).status_code == 200
        assert httpx.post(f"{server.ui_url}/health", timeout=30).status_code == 405
        server.restart(print)
        server.wait_until_ready()
        assert server.api_url == f"http://127.0.0.1:{port}/api"


def test_a_port_that_another_program_has_is_refused_or_another_one_is_used(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"port {port} .*--port"):
            listen_on(port, strict=True)
        with listen_on(port) as other:
            assert port_of(other) != port


def test_a_lock_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from flows.server.process_lock import ProcessLock\n"
        "lock = ProcessLock(Path(sys.argv[1])); print(lock.acquire({'who': 'first'}), flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert holder(path) == {"who": "first"}
    assert not ProcessLock(path).acquire({"who": "second"})
    process.kill()
    process.wait()
    process.stdout.close()
    assert holder(path) is None
    second = ProcessLock(path)
    assert second.acquire({"who": "second"})
    assert holder(path) == {"who": "second"}
    second.close()


@pytest.mark.slow
def test_its_pages_ask_the_server_they_came_from(tmp_path: Path) -> None:
    with local_server(tmp_path / "prefect") as server:
        server.wait_until_ready()
        reported = httpx.get(f"{server.ui_url}/ui-settings", timeout=30).json()["api_url"]
        assert httpx.URL(server.ui_url).join(reported) == server.api_url


@pytest.mark.slow
def test_a_run_goes_after_its_time_with_its_logs_and_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Prefect keeps names people: it goes by itself, and what is younger stays."""
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS", "1")
    with local_server(tmp_path / "prefect") as server:
        server.wait_until_ready()
        # Prefect's own client, which asks again where a busy SQLite makes the server answer 503.
        user, _, password = server.client_environment["PREFECT_API_AUTH_STRING"].partition(":")
        with PrefectHttpxSyncClient(
            base_url=server.api_url,
            auth=(user, password),
            enable_csrf_support=True,
            timeout=30,
            raise_on_all_errors=False,
        ) as api:
            old, young = _ended_run(api), _ended_run(api)
            with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db", timeout=30)) as database, database:
                for run, days in ((old, 31), (young, 29)):
                    ended = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
                    database.execute("UPDATE flow_run SET end_time = ? WHERE id = ?", (ended, run))
            deadline = time.monotonic() + 600
            while _kept_of(api, old) != (404, 0, 0):
                assert time.monotonic() < deadline, _kept_of(api, old)
                time.sleep(0.5)
            assert _kept_of(api, young) == (200, 1, 1)


def _ended_run(api: httpx.Client) -> str:
    flow = _created(api, "/flows/", {"name": "nightly"})
    run = _created(api, "/flow_runs/", {"flow_id": flow, "state": {"type": "RUNNING"}})
    now = datetime.now(UTC).isoformat()
    log = {"name": "n", "level": 20, "message": "account ada", "timestamp": now, "flow_run_id": run}
    api.post("/logs/", json=[log]).raise_for_status()
    _created(api, "/artifacts/", {"key": f"k-{run}", "type": "markdown", "data": "Ada", "flow_run_id": run})
    api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "COMPLETED"}, "force": True}).raise_for_status()
    return run


def _created(api: httpx.Client, path: str, what: dict[str, object]) -> str:
    return str(api.post(path, json=what).raise_for_status().json()["id"])


def _kept_of(api: httpx.Client, run: str) -> tuple[int, int, int]:
    """How the server answers for a run, and how many logs and artifacts of it there are."""
    mine = {"flow_run_id": {"any_": [run]}}
    logs = api.post("/logs/filter", json={"logs": mine}).raise_for_status().json()
    artifacts = api.post("/artifacts/filter", json={"artifacts": mine}).raise_for_status().json()
    return api.get(f"/flow_runs/{run}").status_code, len(logs), len(artifacts)


@pytest.mark.slow
def test_a_run_is_deleted_a_month_after_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS", "5")
    home = tmp_path / "prefect"
    with prefect_server(home), get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("any")
        ended = {}
        for name in ("old", "young"):
            body = {"flow_id": str(flow_id), "name": name, "state": {"type": "COMPLETED"}}
            ended[name] = client.request("POST", "/flow_runs/", json=body).json()["id"]
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        change = "UPDATE flow_run SET end_time = datetime('now', ?) WHERE name = ?"
        database.execute(change, ("-31 days", "old"))
        database.execute(change, ("-29 days", "young"))
    with prefect_server(home), get_client(sync_client=True) as client:
        until(lambda: [run.name for run in client.read_flow_runs()] == ["young"] or None)

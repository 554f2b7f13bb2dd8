"""The stand-in as a process of its own, and its control surface over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from standin import StandIn

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
START = [sys.executable, "-m", "standin", "--port", "0", "--seed", "7", "--listeners", "2"]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=7, listeners=2, now=NOW, frozen=True, catalogue_size=300) as running:
        yield running


@pytest.fixture
def control(standin: StandIn) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.control_url) as client:
        yield client


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_is_and_ends_on_request(ending: signal.Signals) -> None:
    process = subprocess.Popen([*START, "--now", "2026-11-24T09:00:00Z", "--frozen"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        services = {"spotify_api_url", "accounts_url", "reccobeats_url", "deezer_url", "musicbrainz_url"}
        assert set(urls) == services | {"listenbrainz_url", "lastfm_url", "control_url"}
        assert urls["spotify_api_url"].startswith("http://127.0.0.1:")
        assert httpx.get(urls["control_url"] + "/clock").json() == {"now": "2026-11-24T09:00:00.000Z", "running": False}
        process.send_signal(ending)
        rest, _ = process.communicate(timeout=600)
        assert (process.returncode, rest) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_it_ends_with_its_parent_where_asked() -> None:
    # A parent that starts it, passes its line on, and is killed before it can send it anything.
    code = f"import subprocess, os; subprocess.Popen({[*START, '--with-parent']!r}).wait()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = json.loads(parent.stdout.readline())["control_url"]
    assert httpx.get(url).status_code == 200
    parent.kill()
    # The pipe's other end closes once the stand-in, its last holder, is gone.
    assert parent.stdout.read() == ""
    parent.stdout.close()
    parent.wait()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_taken_port_is_one_line_on_stderr(standin: StandIn) -> None:
    port = standin.base_url.rpartition(":")[2]
    ended = subprocess.run([*START, "--port", port], capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert port in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_time_without_a_zone_is_refused() -> None:
    ended = subprocess.run([*START, "--now", "2026-11-24"], capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 2
    assert "zone" in ended.stderr


def test_importing_it_brings_nothing_heavy() -> None:
    code = "import sys, standin; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"numpy", "pandas", "pyarrow", "tensorflow", "prefect", "sqlalchemy", "httpx", "requests"}


def test_the_clock_can_be_moved(control: httpx.Client, standin: StandIn) -> None:
    assert control.post("/clock", json={"advance_s": 90}).json()["now"] == "2026-11-24T09:01:30.000Z"
    moved = control.post("/clock", json={"set": "2026-12-01T00:00:00+01:00", "running": True}).json()
    assert moved["running"] is True
    assert standin.clock.now() >= datetime(2026, 11, 30, 23, tzinfo=UTC)
    control.post("/clock", json={"running": False})
    assert standin.clock.now() == standin.clock.now()


def test_faults_can_be_added_and_cleared(control: httpx.Client, standin: StandIn) -> None:
    added = control.post("/faults", json=[{"kind": "server_error", "endpoint": "me", "times": 3}, {"kind": "slow"}])
    assert [fault["kind"] for fault in added.json()["faults"]] == ["server_error", "slow"]
    token = standin.issue_tokens("ada-1")["access_token"]
    me = httpx.get(standin.spotify_api_url + "/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 503
    assert [fault["hits"] for fault in control.get("/faults").json()["faults"]] == [1, 0]
    assert control.request("DELETE", "/faults").json() == {"faults": []}
    assert control.get("/faults").json() == {"faults": []}


def test_calls_truth_and_people_can_be_read(control: httpx.Client, standin: StandIn) -> None:
    httpx.get(standin.spotify_api_url + "/me", headers={"User-Agent": "moodlog-tests/1.0"})
    log = control.get("/calls", params={"endpoint": "me"}).json()
    assert log["counts"] == {"me": 1}
    assert [(call["path"], call["status"], call["user_agent"]) for call in log["calls"]] == [
        ("/spotify/v1/me", 401, "moodlog-tests/1.0")
    ]
    assert control.request("DELETE", "/calls").json()["counts"] == {}
    people = control.get("/listeners").json()["listeners"]
    assert [person["listener_id"] for person in people] == ["ada-1", "bruno-2"]
    assert people[0]["timezone"] == "Europe/Berlin"
    span = {"listener": "ada-1", "from": "2026-11-20T00:00:00Z", "to": "2026-11-22T00:00:00Z"}
    listens = control.get("/truth", params=span).json()["listens"]
    truth = standin.truth("ada-1", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
    assert listens == [listen.as_json() for listen in truth] != []
    playlists = control.get("/playlists").json()["playlists"]
    assert {playlist["mood"] for playlist in playlists} == {"Calm", "Energetic", "Happy", "Sad"}


def test_a_person_can_be_revoked_and_settings_changed(control: httpx.Client, standin: StandIn) -> None:
    token = standin.issue_tokens("ada-1")["access_token"]
    assert control.post("/revoke", json={"listener": standin.listeners[0].account_id}).json() == {"revoked": "ada-1"}
    me = httpx.get(standin.spotify_api_url + "/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 401
    settings = control.post("/settings", json={"latency_s": 0.01, "daily_quota": 5}).json()
    assert settings == {"latency_s": 0.01, "daily_quota": 5, "rate_per_30s": None}
    assert standin.latency_s == 0.01


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/clock", b"not json"),
        ("POST", "/clock", b'{"set": "2026-01-01T00:00:00"}'),
        ("POST", "/faults", b'{"kind": "earthquake"}'),
        ("POST", "/faults", b'{"kind": "slow", "colour": "red"}'),
        ("POST", "/revoke", b'{"listener": "nobody"}'),
        ("POST", "/revoke", b"[]"),
        ("GET", "/truth?listener=ada-1", b""),
        ("GET", "/truth?listener=ada-1&from=2026-01-01&to=2026-01-02", b""),
    ],
)
def test_requests_that_make_no_sense_are_refused(control: httpx.Client, method: str, path: str, content: bytes) -> None:
    answer = control.request(method, path, content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_a_web_page_controls_nothing(control: httpx.Client, headers: dict[str, str]) -> None:
    before = control.get("/listeners").json()
    for method, path in (("POST", "/revoke"), ("POST", "/faults"), ("DELETE", "/calls"), ("GET", "/listeners")):
        answer = control.request(method, path, content=b'{"listener": "ada-1"}', headers=headers)
        assert answer.status_code == 403
    assert control.get("/listeners").json() == before


def test_the_surface_lists_itself(control: httpx.Client) -> None:
    assert "POST /_control/clock" in control.get("/").json()["endpoints"]
    assert control.get("/nothing").status_code == 404


def test_stopping_ends_connections_kept_alive_and_frees_the_port() -> None:
    first = StandIn(listeners=1, catalogue_size=100)
    first.start()
    port = int(first.base_url.rpartition(":")[2])
    with httpx.Client() as client:
        assert client.get(first.control_url + "/clock").status_code == 200
        first.stop()
        with pytest.raises(httpx.TransportError):
            client.get(f"http://127.0.0.1:{port}/_control/clock")
    first.stop()
    with StandIn(listeners=1, catalogue_size=100, port=port) as second:
        assert second.base_url.endswith(str(port))
    with pytest.raises(RuntimeError, match="not started"):
        _ = first.base_url

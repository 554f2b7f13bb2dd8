"""No token, code, key or password appears anywhere: logs at DEBUG, Prefect's database, artifacts, results, the lake,
exceptions on the terminal, process arguments. Connecting, good nights and failing ones, on a real Prefect server.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from flows.server.local_server import local_server
from mood_core.spotify.tokens import TokenCipher
from standin import Fault, FaultKind, StandIn
from tests.flows.planted import Planted, command_lines, everything_kept
from tests.nights import settings_for

pytestmark = [pytest.mark.prefect, pytest.mark.postgresql, pytest.mark.slow]

MOODLOG = [sys.executable, "-m", "flows.cli", "-vv"]
PULL = "from flows.sync_listens import sync_listens; sync_listens(return_state=True)"
LABEL = "PLANTED"


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
def standin(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Planted, postgres_url: str
) -> Iterator[StandIn]:
    """A stand-in whose app has a secret, with everything that can be secret planted in moodlog's settings."""
    secret, key, password = f"{LABEL}clientsecret", TokenCipher.generate_key(), f"{LABEL}databasepassword"
    for name, value in {"client secret": secret, "token key": key, "database password": password}.items():
        planted.add(name, value)
    database = make_url(postgres_url).set(password=password).render_as_string(hide_password=False)
    (tmp_path / "temporary").mkdir()
    with StandIn(seed=5, listeners=2, client_secret=secret) as running:
        planted.watch(running)
        for name, value in {
            **settings_for(running),
            "MOODLOG_SPOTIFY_CLIENT_SECRET": secret,
            "MOODLOG_TOKEN_KEY": key,
            "MOODLOG_DATABASE_URL": database,
            "MOODLOG_READ_DATABASE_URL": database,  # no replica, which is said, and then the main database is read
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "mood_core,spotipy,urllib3,requests,httpx,sqlalchemy",
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
            "TMPDIR": str(tmp_path / "temporary"),
        }.items():
            monkeypatch.setenv(name, value)
        with local_server(home / "prefect") as server:
            server.wait_until_ready()
            for name, value in server.client_environment.items():
                monkeypatch.setenv(name, value)
            planted.add("server password", server.client_environment["PREFECT_API_AUTH_STRING"])
            yield running


class Terminal:
    """Runs moodlog and keeps what it says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def moodlog(self, *arguments: str) -> int:
        return self._keep(subprocess.run([*MOODLOG, *arguments], capture_output=True, check=False, timeout=600))

    def python(self, code: str) -> int:
        command = [sys.executable, "-c", code]
        return self._keep(subprocess.run(command, capture_output=True, check=False, timeout=600, env=os.environ))

    def connect(self, standin: StandIn, index: int) -> int:
        command = [*MOODLOG, "connect", "--no-browser", "--timezone", "UTC"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        address = httpx.URL(process.stdout.readline().decode().strip())
        answer = httpx.get(address.copy_merge_params({"listener": standin.listeners[index].listener_id}))
        out, err = process.communicate(answer.headers["location"].encode() + b"\n", timeout=600)
        return self._keep(subprocess.CompletedProcess(command, process.returncode, out, err))

    def _keep(self, done: subprocess.CompletedProcess[bytes]) -> int:
        number = len(list(self._folder.iterdir()))
        (self._folder / f"{number:02}.txt").write_bytes(done.stdout + b"\n---\n" + done.stderr)
        return done.returncode


def test_no_secret_leaks(home: Path, tmp_path: Path, standin: StandIn, planted: Planted) -> None:
    terminal = Terminal(tmp_path / "said")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the test's own browser is not moodlog
    with command_lines() as lines:
        planted.echoes = True
        assert [terminal.connect(standin, index) for index in (0, 1)] == [0, 0]
        assert terminal.moodlog("run") == 0
        planted.echoes = False
        _let_everything_fail(standin)
        assert terminal.moodlog("run") != 0
        standin.clock.advance(timedelta(hours=2))
        standin.revoke(standin.listeners[0].listener_id)
        standin.revoke(standin.listeners[1].listener_id)
        assert terminal.moodlog("run") == 77
        assert terminal.python(PULL) == 0
        assert terminal.moodlog("doctor") == 1
        assert terminal.moodlog("status") == 0
        assert terminal.moodlog("report", "--out", str(tmp_path / "page.html")) == 0
        account = standin.listeners[0].account_id
        assert terminal.moodlog("recap", "--user", account, "--out", str(tmp_path / "recap.png")) == 0
        (tmp_path / "backup").mkdir()
        assert terminal.moodlog("backup", str(tmp_path / "backup")) == 0
        assert terminal.moodlog("keys", "rotate") == 78, "the key is set, and so it is not moodlog's to change"
        assert terminal.moodlog("export", "--user", account, "--output", str(tmp_path / "mine.zip")) == 0
        assert terminal.moodlog("history", "--user", account) == 0
        assert terminal.moodlog("forget", "--user", account, "--yes") == 0

    kept = dict(everything_kept(tmp_path))
    assert planted.found_in(kept.pop(str(home / "prefect" / "server-password"))) == {"server password"}
    reported = {name: planted.found_in(data) for name, data in kept.items() if planted.found_in(data)}
    assert reported == {}
    assert not any(planted.found_in(line) for line in lines)
    _the_search_would_have_found_them(home, planted, kept, lines)


def _let_everything_fail(standin: StandIn) -> None:
    """Access tokens end, and what comes instead of new ones is broken, half an answer, or echoes what was sent."""
    standin.clock.advance(timedelta(hours=2))
    first, second = (listener.listener_id for listener in standin.listeners)
    standin.faults.add(
        Fault(FaultKind.MALFORMED_JSON, endpoint="token", listener=first),
        Fault(FaultKind.SERVER_ERROR, endpoint="token", listener=second, times=2),
        Fault(FaultKind.MALFORMED_JSON, endpoint="recently_played", listener=second, times=None),
    )


def _the_search_would_have_found_them(home: Path, planted: Planted, kept: dict[str, bytes], lines: set[bytes]) -> None:
    """A search that finds nothing proves something only if it looks where things are kept."""
    names = set(planted.secrets.values())
    assert {"Authorization", "refresh_token", "code", "code_verifier", "client secret", "token key"} <= names
    assert list(planted.secrets.values()).count("Authorization") >= 4, "access tokens, and the app's own"
    assert any(b"run-nightly" in data for name, data in kept.items() if "prefect.db" in name)
    assert any(b"DEBUG" in data and b"urllib3" in data for data in kept.values())
    assert any(name.endswith(".parquet read") for name in kept)
    assert any("quarantine" in name and b"reported" in data for name, data in kept.items()), "what was echoed was kept"
    assert any("…".encode() in data for name, data in kept.items() if "tracks" in name), "and so was the title"
    for place in ("mine.zip/", "page.html", "recap.png", "backup/", ".log", "said/"):
        assert any(place in name for name in kept), place
    assert any(b"flows.cli" in line for line in lines)
    with sqlite3.connect(home / "prefect" / "prefect.db") as prefect:
        states = {row[0] for row in prefect.execute("SELECT state_type FROM flow_run")}
        assert prefect.execute("SELECT count(*) FROM artifact").fetchone()[0] > 0
        assert prefect.execute("SELECT count(*) FROM log WHERE level <= 10").fetchone()[0] > 0
    assert {"COMPLETED", "FAILED"} <= states
    a_secret = next(iter(planted.secrets))
    for spelt in (f"x{a_secret}y", f"{{'token': '{a_secret}'}}"):
        assert planted.found_in(spelt.encode())

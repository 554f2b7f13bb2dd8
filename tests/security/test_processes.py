"""Secrets stay inside moodlog's processes: they are in no command line and in no core dump."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.spotify.tokens import TokenCipher
from standin import StandIn
from tests.flows.deployed import free_port, until
from tests.flows.serving import STATE, begin_a_pull, serving
from tests.functional.test_connecting import BROWSER
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")

_MOODLOG = Path(sys.executable).with_name("moodlog")

_DUMPS = """
import ctypes, os, resource
from mood_core.app.workspace import Workspace
_, most = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
with Workspace() as workspace:
    workspace.cipher
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))  # where core dumps go to a program, the limit does not hold
os.abort()
"""


def test_a_process_that_holds_tokens_leaves_no_core_dump(home: Path) -> None:
    del home
    with subprocess.Popen([sys.executable, "-c", _DUMPS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == ["0", "0"]
        _, status = os.waitpid(process.pid, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)


def _descendants(ancestor: int) -> set[int]:
    """``ancestor`` and all that descend from it."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@dataclass
class Seen:
    """What other processes could read of a program and its children while it ran."""

    command_lines: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)

    def look(self, pid: int) -> None:
        """Add what ``pid`` and its descendants show at this moment."""
        for each in _descendants(pid):
            for name, found in (("cmdline", self.command_lines), ("environ", self.environments)):
                with suppress(OSError):
                    text = Path(f"/proc/{each}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.add(text.strip())

    @contextmanager
    def looking(self, pid: int) -> Iterator[None]:
        """Look again and again."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.01):
                self.look(pid)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _passwords(home: Path) -> list[str]:
    """What is in the small files of ``home`` that hold a secret."""
    names = ("password", "token.key")
    return [path.read_text().strip() for path in home.rglob("*") if path.is_file() and path.name.endswith(names)]


def _tokens(workspace: Workspace) -> list[str]:
    """Everybody's stored tokens, decrypted."""
    stored = [workspace.tokens.read(account.user_id) for account in workspace.accounts.all()]
    decrypted = [json.loads(workspace.cipher.decrypt(one.ciphertext)) for one in stored if one is not None]
    return [token[name] for token in decrypted for name in ("access_token", "refresh_token")]


def _shown(secrets: Iterable[str], texts: Iterable[str]) -> list[str]:
    together = "\n".join(texts)
    return [secret for secret in secrets if secret and secret in together]


def _prepared(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connects every listener of ``standin`` and sets every secret setting; returns those and the tokens."""
    point_at(standin, monkeypatch)
    monkeypatch.setenv("MOODLOG_TOKEN_KEY", TokenCipher.generate_key())
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        tokens = _tokens(workspace)
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_SECRET", "a-secret-of-the-app")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    given = [os.environ[name] for name in ("MOODLOG_TOKEN_KEY", "MOODLOG_SPOTIFY_CLIENT_SECRET")]
    return [*tokens, *given, *os.environ.get("PGPASSWORD", "").split()]


def test_no_command_line_shows_a_secret_while_somebody_connects(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(seed=3, listeners=1) as standin:
        point_at(standin, monkeypatch)
        (tmp_path / "browser.py").write_text(BROWSER)
        monkeypatch.setenv("MOODLOG_SPOTIFY_REDIRECT_URI", f"http://127.0.0.1:{free_port()}/callback")
        monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_SECRET", "a-secret-of-the-app")
        monkeypatch.setenv("BROWSER", f"{sys.executable} {tmp_path / 'browser.py'} %s")
        monkeypatch.setenv("CONSENT", f"&listener={standin.listeners[0].listener_id}")
        seen = Seen()
        pipe = subprocess.PIPE
        with subprocess.Popen([_MOODLOG, "connect"], stdout=pipe, stderr=pipe) as connect, seen.looking(connect.pid):
            _, said = connect.communicate(timeout=600)
        with workspace_of(standin) as workspace:
            tokens = _tokens(workspace)
    assert (connect.returncode, len(tokens)) == (0, 2), said
    assert any("browser.py" in line for line in seen.command_lines)
    assert _shown([*tokens, *_passwords(home), "a-secret-of-the-app"], seen.command_lines) == []
    assert _shown([*tokens, *_passwords(home)], seen.environments) == []


@pytest.mark.slow
@pytest.mark.prefect
def test_no_command_line_shows_a_secret_while_a_run_works(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, seen, log = _prepared(standin, monkeypatch), Seen(), home.parent / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([_MOODLOG, "run"], stdout=output, stderr=output) as run,
        seen.looking(run.pid),
    ):
        run.wait()
    assert len(seen.command_lines) > 1, log.read_text()
    assert _shown([*secrets, *_passwords(home)], seen.command_lines) == []


@pytest.mark.slow
@pytest.mark.prefect
def test_no_command_line_shows_a_secret_while_serve_pulls(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=5, listeners=2) as standin:
        secrets, seen = _prepared(standin, monkeypatch), Seen()
        with serving(home, wait=False) as serve, seen.looking(serve.process.pid):
            serve.wait_until_said("Stop with Ctrl-C")
            run_id = begin_a_pull(serve, standin)
            until(lambda: serve.rows(STATE, run_id) or None, 400)
            assert serve.stop() == 0, serve.said
    assert any("run_process" in line for line in seen.command_lines)
    assert _shown([*secrets, *_passwords(home)], seen.command_lines) == []
    # The settings are in the environment because this test puts them there; tokens never are.
    assert _shown(secrets[:4], seen.environments) == []

"""Who may use moodlog's own Prefect server: clients with its password, from this machine's own host and origin."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import product
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from flows.server.auth import is_ours, known_password, proof, read_or_make_password
from flows.server.find_server import running_server
from flows.server.local_server import LocalServer, local_server
from mood_core.errors import ConfigError
from mood_core.store.locks.leases import new_owner
from tests.flows.deployed import settings_of

pytestmark = pytest.mark.prefect

FOREIGN = "http://evil.example"
SOCKETS = ["events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled", "work_pools/p/workers/connect"]
as_another_user = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can become another user"
)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter and list, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="moodlog-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """A running server with one flow, whose run another could start."""
    with open_folder() as home, local_server(home / "prefect") as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def credentials(server: LocalServer) -> tuple[str, str]:
    user, _, password = server.client_environment["PREFECT_API_AUTH_STRING"].partition(":")
    return user, password


@pytest.fixture(scope="module")
def deployment(server: LocalServer) -> str:
    """The id of a deployment called forget."""
    from prefect.client.orchestration import get_client

    with settings_of(server), get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("forget-person")
        return str(client.create_deployment(flow_id=flow, name="forget"))


def _runs(server: LocalServer) -> int:
    from prefect.client.orchestration import get_client

    with settings_of(server), get_client(sync_client=True) as client:
        return len(client.read_flow_runs())


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:PORT", "0.0.0.0:PORT", "127.0.0.1."]
)
def test_a_foreign_host_gets_nothing(server: LocalServer, credentials: tuple[str, str], host: str) -> None:
    """DNS rebinding: the page's own name leads to 127.0.0.1, and the browser sends that name."""
    headers = {"Host": host.replace("PORT", server.ui_url.rpartition(":")[2])}
    paths = ("/", "/ui-settings", "/api/health", "/api/flows/filter", "/moodlog/proof")
    methods = ("GET", "POST", "DELETE", "OPTIONS", "HEAD")
    with httpx.Client(base_url=server.ui_url, auth=credentials, headers=headers) as client:
        for method, path in product(methods, paths):
            answer = client.request(method, path)
            assert answer.status_code == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://127.0.0.1:1", "http://localhost", "https://127.0.0.1:PORT"]
)
def test_a_foreign_origin_gets_nothing_even_with_the_password(
    server: LocalServer, credentials: tuple[str, str], origin: str
) -> None:
    headers = {
        "Origin": origin.replace("PORT", server.ui_url.rpartition(":")[2]),
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for method, path in product(("GET", "POST", "OPTIONS"), ("/api/flows/filter", "/api/health", "/ui-settings")):
        answer = httpx.request(method, server.ui_url + path, headers=headers, auth=credentials)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


def test_what_a_browser_says_of_a_request_decides(server: LocalServer) -> None:
    for site, mode, dest, status in (
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),  # a link
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "cors", "empty", 403),  # a page on another port
    ):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        assert httpx.get(f"{server.ui_url}/ui-settings", headers=headers).status_code == status, headers
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert httpx.post(f"{server.api_url}/flows/filter", headers=headers).status_code == 403, "a form"


def test_without_the_password_only_health_and_the_pages_code_answer(server: LocalServer, deployment: str) -> None:
    reported = httpx.get(f"{server.ui_url}/ui-settings").json()
    assert (reported["api_url"], reported["auth"], reported["csrf_enabled"]) == ("/api", "BASIC", True)
    assert httpx.get(f"{server.api_url}/health").json() is True
    assert httpx.get(f"{server.api_url}/ready").json() == {"message": "OK"}
    for path in ("version", f"deployments/{deployment}", "admin/settings", "csrf-token?client=c", "metrics", "docs"):
        for headers in ({}, {"Authorization": "Basic " + base64.b64encode(b"moodlog:wrong").decode()}):
            answer = httpx.get(f"{server.api_url}/{path}", headers=headers)
            assert answer.status_code == 401, path
            assert answer.json() == {"exception_message": "Unauthorized"}


def test_no_run_starts_without_password_and_csrf_token(
    server: LocalServer, credentials: tuple[str, str], deployment: str
) -> None:
    before, address = _runs(server), f"{server.api_url}/deployments/{deployment}/create_flow_run"
    for auth in (None, credentials):
        for content in ("json", "data"):
            answer = httpx.post(address, auth=auth, **{content: {"state": "x"}})  # type: ignore[arg-type]
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
    wrong = {"Prefect-Csrf-Token": "x", "Prefect-Csrf-Client": "y"}
    answer = httpx.post(address, auth=credentials, headers=wrong, json={})
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)
    assert _runs(server) == before


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_from_elsewhere_is_refused_before_it_opens(server: LocalServer, path: str) -> None:
    address = f"{server.api_url.replace('http', 'ws', 1)}/{path}"
    for headers in ({"Host": "evil.example"}, {"Origin": FOREIGN}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as refused, _socket(address, headers):
            pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_without_the_password_gets_nothing(server: LocalServer, path: str) -> None:
    address = f"{server.api_url.replace('http', 'ws', 1)}/{path}"
    for token in (None, "moodlog:wrong"):
        with _socket(address, {}) as opened:
            opened.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(WebSocketException):
                opened.recv(timeout=60)


@contextmanager
def _socket(address: str, headers: dict[str, str]) -> Iterator[Any]:
    """A WebSocket to ``address``; ``headers`` replace those that the library sends."""
    port = int(address.split(":")[2].partition("/")[0])
    host = headers.pop("Host", None)
    uri = address.replace(f"127.0.0.1:{port}", host) if host else address
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    with connect(uri, sock=raw, subprotocols=["prefect"], additional_headers=headers, proxy=None) as opened:  # type: ignore[list-item]
        yield opened


def test_a_client_with_the_password_hears_events_and_logs_nothing_of_it(
    server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    password = server.client_environment["PREFECT_API_AUTH_STRING"]
    coded = base64.b64encode(password.encode()).decode()
    address = f"{server.api_url.replace('http', 'ws', 1)}/events/out"
    with (
        caplog.at_level(logging.DEBUG),
        caplog.at_level(logging.DEBUG, logger="websockets.client"),
        _socket(address, {"Authorization": f"Basic {coded}"}) as opened,
    ):
        opened.send(json.dumps({"type": "auth", "token": password}))
        assert json.loads(opened.recv(timeout=60))["type"] == "auth_success"
    assert "moodlog:" not in caplog.text
    assert coded not in caplog.text


def test_pages_cannot_be_framed_and_load_no_foreign_script(server: LocalServer) -> None:
    headers = httpx.get(server.ui_url).headers
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self'" in policy


# -- files --


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_the_servers_folder_is_private(server: LocalServer) -> None:
    folder = Path(server.client_environment["PREFECT_HOME"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    open_to_others = [path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert {"prefect.db", "server.json", "server.log", "server-password"} <= {path.name for path in folder.iterdir()}


def test_the_password_is_in_its_file_alone(server: LocalServer, credentials: tuple[str, str]) -> None:
    folder = Path(server.client_environment["PREFECT_HOME"])
    found = {path.name for path in folder.rglob("*") if path.is_file() and credentials[1].encode() in path.read_bytes()}
    assert found == {"server-password"}


@as_another_user
def test_another_user_neither_reads_the_folder_nor_uses_the_server(server: LocalServer, deployment: str) -> None:
    folder = server.client_environment["PREFECT_HOME"]
    words = f"""
import encodings.idna, json, os, urllib.error, urllib.request
os.setgroups([]), os.setgid(65534), os.setuid(65534)
def outcome(what):
    try:
        return what()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__
def post(path):
    asked = urllib.request.Request("{server.api_url}/" + path, b"{{}}", {{"Content-Type": "application/json"}})
    return urllib.request.urlopen(asked).status
files = [lambda name=name: open("{folder}/" + name).read() for name in ("prefect.db", "server-password", "server.json")]
print(json.dumps([
    *map(outcome, files),
    outcome(lambda: post("deployments/{deployment}/create_flow_run")),
    outcome(lambda: post("flow_runs/filter")),
    outcome(lambda: urllib.request.urlopen("{server.api_url}/deployments/{deployment}").status),
    outcome(lambda: open("/proc/{server._process.pid if server._process else 0}/environ").read()),
    open("/proc/{server._process.pid if server._process else 0}/cmdline").read(),
]))
"""
    before = _runs(server)
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, cwd="/")
    *answers, command = json.loads(done.stdout)
    assert answers == ["PermissionError"] * 3 + [403, 403, 401, "PermissionError"]
    assert server.client_environment["PREFECT_API_AUTH_STRING"].partition(":")[2] not in command
    assert _runs(server) == before


# -- a server that is not ours --


class _Impostor:
    """Listens where a server of moodlog was, says that it is healthy, and keeps what it hears."""

    def __init__(self, relay_to: str | None = None) -> None:
        heard: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.path + str(self.headers))
                body = httpx.get(relay_to + self.path).content if relay_to else b"true"
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                pass

        self.heard = heard
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.api_url = f"http://127.0.0.1:{self.server.server_port}/api"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def test_a_server_that_does_not_know_the_password_is_not_used(tmp_path: Path) -> None:
    password = read_or_make_password(tmp_path)
    with _Impostor() as impostor:
        (tmp_path / "server.json").write_text(json.dumps({"api_url": impostor.api_url, "owner": new_owner()}))
        assert running_server(tmp_path) is None
        assert len(impostor.heard) == 1
        assert password.partition(":")[2] not in str(impostor.heard)
        assert "Authorization" not in str(impostor.heard)


def test_the_true_servers_proof_cannot_be_relayed(server: LocalServer) -> None:
    password = server.client_environment["PREFECT_API_AUTH_STRING"]
    assert is_ours(server.api_url, password)
    assert not is_ours(server.api_url, password + "x")
    with _Impostor(relay_to=server.ui_url) as impostor:
        assert not is_ours(impostor.api_url, password)
        assert len(impostor.heard) == 1
    assert httpx.get(f"{server.ui_url}/moodlog/proof?short").status_code == 400
    assert proof("a", "n", 1) != proof("a", "n", 2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no descriptors to hand over")
def test_nobody_can_take_the_port_before_the_server_listens(tmp_path: Path) -> None:
    with local_server(tmp_path / "prefect") as server, socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", int(server.ui_url.rpartition(":")[2])))


def test_no_proxy_gets_the_password(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with _Impostor() as proxy:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.api_url.removesuffix("/api"))
        monkeypatch.setenv("no_proxy", "internal.example")
        given = server.client_environment
        assert given["NO_PROXY"] == given["no_proxy"] == "internal.example,127.0.0.1"
        code = "from prefect.client.orchestration import get_client\nprint(get_client(sync_client=True).hello())"
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **given}, capture_output=True, text=True, check=True
        )
        assert "200" in done.stdout
        assert proxy.heard == []


# -- the password's file --


def test_the_password_is_made_once(tmp_path: Path) -> None:
    assert known_password(tmp_path / "prefect") is None
    made = read_or_make_password(tmp_path / "prefect")
    assert len(made) > 40
    assert read_or_make_password(tmp_path / "prefect") == made == known_password(tmp_path / "prefect")


@pytest.mark.parametrize("content", ["", "\n", "moodlog:short\n", "a b\n", "x" * 50, "moodlog:\xff"])
def test_a_damaged_password_names_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "server-password").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match="server-password"):
        read_or_make_password(tmp_path)


@as_another_user
@pytest.mark.parametrize("planted", ["folder", "file", "link"])
def test_what_another_user_planted_is_refused(planted: str) -> None:
    """The person here is `nobody`; another user, 12345, has been in the folder before."""
    other, me = 12345, 65534
    with open_folder() as home:
        folder, known = home / "prefect", home / "known"
        folder.mkdir(mode=0o755)
        known.write_text("moodlog:" + "known" * 10)
        file = folder / "server-password"
        if planted == "file":
            known.rename(file)
        if planted == "link":
            file.symlink_to(known)
        for path, owner in {folder: other if planted == "folder" else me, known: other, file: other}.items():
            if os.path.lexists(path):
                os.chown(path, owner, -1, follow_symlinks=False)
        assert "belongs to another user" in _said_to(me, folder)


def _said_to(user: int, folder: Path) -> str:
    """What moodlog says to ``user`` whose server's folder is ``folder``."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.seteuid(user)
        try:
            os.write(write, read_or_make_password(folder).encode())
        except ConfigError as error:
            os.write(write, error.message.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as reported:
        said = reported.read()
    os.waitpid(child, 0)
    return said

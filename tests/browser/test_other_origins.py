"""A real browser between its owner and a hostile page: the page gets nothing, the owner's pages work.

The page is on another port of this machine, and on a name that leads to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.server.local_server import LocalServer, local_server
from mood_core.app.workspace import Workspace
from tests.flows.deployed import settings_of, until
from tests.report_history import USER, add_history
from tests.running import first_line, running

pytestmark = [pytest.mark.slow, pytest.mark.prefect]
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_LONG_MS = 300_000

_ATTACK = """
async ([server, deployment, credentials]) => {
  const reported = {};
  const start = `${server}/api/deployments/${deployment}/create_flow_run`;
  const authorised = {"Authorization": "Basic " + btoa(credentials), "Content-Type": "application/json"};
  const tried = {
    "read": [`${server}/api/deployments/${deployment}`, {}],
    "read with the password": [`${server}/api/deployments/${deployment}`, {headers: authorised}],
    "settings": [`${server}/ui-settings`, {}],
    "proof": [`${server}/moodlog/proof?` + "0".repeat(32), {}],
    "start, simple": [start, {method: "POST", body: "{}", headers: {"Content-Type": "text/plain"}}],
    "start, form": [start, {method: "POST", body: new URLSearchParams({state: ""})}],
    "start, json": [start, {method: "POST", body: "{}", headers: authorised}],
    "delete": [`${server}/api/deployments/${deployment}`, {method: "DELETE", headers: authorised}],
  };
  for (const [name, [address, options]] of Object.entries(tried)) {
    try { reported[name] = await (await fetch(address, options)).text(); } catch { reported[name] = null; }
    try { await fetch(address, {...options, mode: "no-cors", credentials: "include"}); } catch {}
  }
  for (const path of ["events/in", "events/out", "logs/out"]) {
    reported[path] = await new Promise((resolve) => {
      const socket = new WebSocket(server.replace("http", "ws") + "/api/" + path, ["prefect"]);
      socket.onopen = () => socket.send(JSON.stringify({type: "auth", token: credentials}));
      socket.onmessage = (message) => resolve(message.data);
      socket.onclose = () => resolve(null);
    });
  }
  const image = new Image();
  reported["image"] = await new Promise((resolve) => {
    image.onload = () => resolve("loaded");
    image.onerror = () => resolve(null);
    image.src = `${server}/v2/ico/favicon-32x32.png`;
  });
  return reported;
}
"""
_FORM = """
([server, deployment]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", enctype: "text/plain",
    action: `${server}/api/deployments/${deployment}/create_flow_run`});
  document.body.append(form);
  form.submit();
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    if _CHROMIUM is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    with local_server(tmp_path_factory.mktemp("home") / "prefect") as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def deployment(server: LocalServer) -> str:
    """The id of the deployment that forgets people, as ``moodlog serve`` makes it."""
    from flows.commands.serve import served
    from flows.deployments import read_deployments

    (forget,) = (one for one in read_deployments() if one.name == "forget")
    with settings_of(server):
        return str(served(forget, None).apply())


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of an empty page on another port; below /frame/ it shows in a frame what the query names."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            framed = self.path.partition("?")[2]
            self.wfile.write(
                b"<!doctype html><body>" + (f"<iframe src='{framed}'></iframe>".encode() if framed else b"")
            )

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for which evil.example leads to this machine."""
    with sync_api.sync_playwright() as playwright:
        rebound = "--host-resolver-rules=MAP evil.example 127.0.0.1"
        opened = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_FLAGS, rebound])
        yield opened
        opened.close()


def _password(server: LocalServer) -> str:
    return server.client_environment["PREFECT_API_AUTH_STRING"]


def _runs(server: LocalServer) -> int:
    from prefect.client.orchestration import get_client

    with settings_of(server), get_client(sync_client=True) as client:
        return len(client.read_flow_runs())


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_a_page_of_another_origin_gets_nothing(
    server: LocalServer, deployment: str, elsewhere: str, browser: Any, host: str
) -> None:
    before = _runs(server)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere.replace("127.0.0.1", host))
        reported = page.evaluate(_ATTACK, [server.ui_url, deployment, _password(server)])
        assert reported == dict.fromkeys(reported)
        assert len(reported) == 12
        page.evaluate(_FORM, [server.ui_url, deployment])
        page.get_by_text("another origin").wait_for(timeout=_LONG_MS)
    assert _runs(server) == before, "nothing was started"
    with settings_of(server):
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            assert client.read_deployment(deployment).name == "forget", "and nothing deleted"


def test_a_name_that_leads_to_this_machine_is_no_way_in(server: LocalServer, deployment: str, browser: Any) -> None:
    """After the rebinding the page is of the server's own port: to the browser all is one origin."""
    before, there = _runs(server), server.ui_url.replace("127.0.0.1", "evil.example")
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(there)
        assert answer is not None
        assert answer.status == 403
        reported = page.evaluate(_ATTACK, [there, deployment, _password(server)])
        assert all(answer is None or "Host" in answer for answer in reported.values()), reported
        assert reported["events/out"] is None
    assert _runs(server) == before


def test_the_pages_cannot_be_framed(server: LocalServer, elsewhere: str, browser: Any) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{elsewhere}/frame/?{server.ui_url}/v2/login")
        page.frame_locator("iframe").get_by_text("another origin are refused").wait_for(timeout=_LONG_MS)


def test_the_owner_logs_in_once_and_the_pages_call_nobody_else(
    server: LocalServer, deployment: str, browser: Any
) -> None:
    """What the pages try to reach beyond this machine (Prefect's v2 pages bring telemetry) the policy stops."""
    reached: list[str] = []
    with browser.new_context() as context:
        context.on("requestfinished", lambda request: reached.append(request.url))
        page = context.new_page()
        page.goto(server.ui_url)
        box = page.locator("input[type=password]")
        box.fill("moodlog:wrong", timeout=_LONG_MS)
        box.press("Enter")
        page.get_by_text("Invalid credentials").first.wait_for(timeout=_LONG_MS)
        box.fill(_password(server))
        box.press("Enter")
        page.get_by_role("link", name="Deployments").first.click(timeout=_LONG_MS)
        page.get_by_text("forget", exact=True).first.wait_for(timeout=_LONG_MS)
        again = context.new_page()
        again.goto(f"{server.ui_url}/v2/deployments")
        again.get_by_text("forget", exact=True).first.wait_for(timeout=_LONG_MS)
        assert [cookie for cookie in context.cookies() if _password(server) in cookie["value"]] == []
    assert {address for address in reached if not address.startswith((server.ui_url, "data:", "blob:"))} == set()
    assert any(address.startswith(f"{server.api_url}/deployments/") for address in reached)


# -- moodlog browse --


@pytest.fixture
def browsing(home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``moodlog browse --open`` on a free port with a browser that only notes what it should open."""
    pytest.importorskip("datasette", reason="the extra datasette is not installed")
    with Workspace() as space:
        add_history(space, 200)
    program = home / "browser.py"
    program.write_text(f"import sys; open({str(home / 'opened')!r}, 'w').write(sys.argv[1])", encoding="utf-8")
    with running("browse", "--port", "0", "--open", BROWSER=f"{sys.executable} {program} %s") as process:
        yield first_line(process), process


def test_browse_is_open_to_the_browser_that_was_opened_and_to_no_page(
    browsing: tuple[str, subprocess.Popen[str]], home: Path, elsewhere: str, browser: Any
) -> None:
    address, _ = browsing
    folder, _, token = address.partition("?token=")
    opened = until(lambda: (home / "opened").read_text() if (home / "opened").exists() else "")
    assert opened.startswith("file:")
    assert token not in opened, "the browser's command line"
    rows = f"{folder}moodlog/mood_daily.json?_shape=array"
    read = "(address) => fetch(address, {credentials: 'include'}).then((answer) => answer.text()).catch(() => null)"
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(opened)
        page.wait_for_url(folder, timeout=_LONG_MS)
        page.get_by_role("link", name="every listen with its mood").click()
        page.get_by_text(USER.display_name).first.wait_for(timeout=_LONG_MS)
        assert USER.display_name in str(json.loads(page.evaluate(read, rows))), "the owner's own page"
        for host in ("127.0.0.1", "evil.example"):
            page.goto(elsewhere.replace("127.0.0.1", host))
            assert page.evaluate(read, rows) is None
            assert page.evaluate("document.cookie") == ""
        answer = page.goto(address.replace("127.0.0.1", "evil.example"))
        assert answer is not None
        assert answer.status == 403
    with browser.new_context() as stranger:
        answer = stranger.new_page().goto(rows)
        assert answer is not None
        assert answer.status == 403

"""The live pages behind a reverse proxy: a process of its own that logs users in, or pages with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.errors import ConfigError
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from mood_core.settings import Settings, load_settings
from mood_core.web.proxy import proxy_of
from tests.report_history import NOW, add_history, workspace
from tests.served_pages import ServedPages, served

_PUBLIC = "https://moods.example.org"
_PROXY_ADDRESS = "127.0.0.2"  # so that other programs of this machine, from 127.0.0.1, are not the proxy
_HEADER: dict[str, Any] = {
    "web_public_url": _PUBLIC,
    "web_proxies": _PROXY_ADDRESS,
    "web_user_header": "Remote-User",
    "web_users": "ada@example.org=ada, bob=bob, root=*",
}
_PASSWORD: dict[str, Any] = {
    "web_public_url": _PUBLIC,
    "web_proxies": _PROXY_ADDRESS,
    "web_password": "correct horse battery",
}
_PROXY_CODE = Path(__file__).parents[1].joinpath("small_proxy.py").read_text(encoding="utf-8")
_TRACK = f"/~ada/track/{1:022d}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proxied")
    with workspace(folder) as space:
        add_history(space, 30)
        space.batches.add(USERS, users_table([User("bob", "Bob", "UTC", NOW)], recorded_at=NOW), now=NOW)
    return folder


def _settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, database_url=f"sqlite:///{home}/moodlog.db", **values)


@contextmanager
def _pages(home: Path, *, read_only: bool = False, **values: Any) -> Iterator[ServedPages]:
    with Workspace(_settings(home, **values), now=lambda: NOW) as space, served(space, read_only=read_only) as pages:
        yield pages


@contextmanager
def _proxied(pages: ServedPages, *, host: str = "moods.example.org", user: int | None = None) -> Iterator[httpx.Client]:
    """A client of a reverse proxy in front of ``pages``, which is a process of the system user ``user``."""
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    port = pages.url.rpartition(":")[2]
    words = [python, "-c", _PROXY_CODE, port, _PROXY_ADDRESS, host, "Remote-User"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, user=user, cwd="/") as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            with httpx.Client(base_url=url, timeout=60, headers={"origin": _PUBLIC}) as client:
                yield client
        finally:
            process.kill()


def test_users_of_the_proxy_see_their_own_person(home: Path) -> None:
    with _pages(home, **_HEADER) as pages, _proxied(pages) as client:

        def status(path: str, login: str) -> int:
            return client.get(path, headers={"x-login": login}).status_code

        own = ("/", "/~ada", "/~ada/2026-11", _TRACK, "/~ada/ask", "/~ada/day.svg", "/api/people/ada", "/compare")
        others = ("/bob", "/bob/data", "/bob/week.svg", "/api/people/bob", "/compare?one=bob")
        installation = ("/doctor", "/metrics", "/api/findings")
        for path in own:
            assert status(path, "ada@example.org") == 200, path
        for path in others:
            assert status(path, "ada@example.org") == 404, path
            assert status(path, "root") == 200, path
        for path in installation:
            assert status(path, "ada@example.org") == 403, path
            assert status(path, "root") == 200, path
        people = client.get("/api/people", headers={"x-login": "bob"}).json()
        assert [one["user_id"] for one in people] == ["bob"]
        assert "/doctor" not in client.get("/", headers={"x-login": "bob"}).text
        for login in ("mallory", "ADA@example.org", "*", "ada"):
            assert status("/", login) == 403, login
        nobody = client.get("/")
        assert nobody.status_code == 403
        assert "moodlog web --link" in nobody.text


def test_users_of_the_proxy_answer_by_the_api_for_their_own_person(home: Path) -> None:
    track = f"/api/people/ada/tracks/{2:022d}"
    with _pages(home, **_HEADER) as pages, _proxied(pages) as client:

        def answer(login: str, given: str = "Sad", **headers: str) -> httpx.Response:
            return client.post(track, json={"answer": given}, headers={"x-login": login, **headers})

        assert answer("bob").status_code == 404
        assert answer("mallory").json()["detail"].startswith("MOODLOG_WEB_USERS")
        assert answer("ada@example.org", origin="https://evil.example").status_code == 403
        form = {"x-login": "ada@example.org", "content-type": "text/plain"}
        assert client.post(track, content=b'{"answer": "Sad"}', headers=form).status_code == 422
        assert answer("ada@example.org").json()["label"]["mood"] == "Sad"
        assert answer("root", "undone").json()["label"]["mood"] != "Sad"


def test_a_user_whose_person_does_not_exist_is_named(home: Path) -> None:
    users = {"web_users": "ada@example.org=ada, x=nobodyhere, root=*"}
    with _pages(home, **_HEADER | users) as pages, _proxied(pages) as client:
        found = client.get("/api/findings", headers={"x-login": "root"}).json()
        (said,) = [one["said"] for one in found if one["what"] == "users of the live pages"]
    assert "x=nobodyhere" in said
    assert "ada" not in said
    environment = os.environ | {
        "MOODLOG_HOME": str(home),
        "MOODLOG_DATABASE_URL": f"sqlite:///{home}/moodlog.db",
        **{f"MOODLOG_{name.upper()}": value for name, value in (_HEADER | users).items()},
    }
    command = [sys.executable, "-m", "flows.cli", "web", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert "x=nobodyhere" in server.stderr.readline()
        server.terminate()


def test_only_the_proxy_names_users(home: Path) -> None:
    with _pages(home, **_HEADER) as pages, pages.stranger() as client:
        named = {"remote-user": "root"}
        assert client.get("/", headers=named).status_code == 403
        for forwarded in ({}, {"x-forwarded-for": _PROXY_ADDRESS, "x-real-ip": _PROXY_ADDRESS}):
            refused = client.get("/", headers={"host": "moods.example.org"} | named | forwarded)
            assert refused.status_code == 403
            assert "reverse proxy" in refused.text
        with _proxied(pages, host="-") as wrong:  # a proxy that does not pass the Host header on
            assert wrong.get("/", headers={"x-login": "root"}).status_code == 403
        with _proxied(pages) as right:
            twice = [("x-login", "ada@example.org"), ("remote-user", "root")]
            assert right.get("/bob", headers=twice).status_code == 404  # the proxy removes what clients send


def test_a_user_answers_and_no_other_page_can(home: Path) -> None:
    with _pages(home, **_HEADER) as pages, _proxied(pages) as client:
        form = {"form_token": pages.access.form_token("ada@example.org"), "answer": "Sad"}
        as_ada = {"x-login": "ada@example.org"}

        def status(form: dict[str, str], **headers: str) -> int:
            return client.post(_TRACK, data=form, headers=as_ada | headers).status_code

        assert form["form_token"] in client.get(_TRACK, headers=as_ada).text
        for origin in ("https://evil.example", "null", "http://moods.example.org", pages.url):
            assert status(form, origin=origin) == 403, origin
        for other in ("bob", ""):
            assert status(form | {"form_token": pages.access.form_token(other)}) == 403
        assert status(form) == 303
    with _pages(home, read_only=True, **_HEADER) as pages, _proxied(pages) as client:
        assert status(form) == 403


def test_a_password_opens_the_pages(home: Path) -> None:
    with _pages(home, **_PASSWORD) as pages, _proxied(pages) as client:
        assert client.get("/api/people").status_code == 401
        asked = client.get("/~ada/2026-11", headers={"accept": "text/html"}, follow_redirects=True)
        assert (asked.status_code, asked.url.path) == (200, "/sign-in")
        assert '<input type="hidden" name="to" value="/~ada/2026-11">' in asked.text
        wrong = client.post("/sign-in", data={"password": "x", "to": "/~ada"})
        assert wrong.status_code == 401
        assert "not the password" in wrong.text
        foreign = {"origin": "https://evil.example"}
        right = {"password": _PASSWORD["web_password"]}
        assert client.post("/sign-in", data=right, headers=foreign).status_code == 403
        for to in ("//evil.example", "/\\evil.example", "https://evil.example"):
            target = client.post("/sign-in", data=right | {"to": to}).headers["location"]
            assert not target.startswith(("//", "/\\", "http"))
        signed_in = client.post("/sign-in", data=right | {"to": "/~ada/2026-11"})
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/~ada/2026-11")
        cookie = signed_in.headers["set-cookie"]
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        sent = {"cookie": cookie.partition(";")[0]}
        assert client.get("/~ada/2026-11", headers=sent).status_code == 200
        assert client.get("/doctor", headers=sent).status_code == 200
    with _pages(home, **_PASSWORD | {"web_password": "another long password"}) as pages, _proxied(pages) as client:
        assert client.get("/", headers=sent).status_code == 401


def test_wrong_passwords_are_slow_and_few_at_once(home: Path) -> None:
    with _pages(home, **_PASSWORD) as pages, ThreadPoolExecutor(20) as pool, pages.stranger() as client:
        statuses = set(pool.map(lambda _: client.post("/sign-in", data={"password": "x"}).status_code, range(20)))
    assert statuses == {401, 429}


def test_a_link_opens_the_pages_at_their_public_address(home: Path) -> None:
    environment = {"MOODLOG_HOME": str(home), "MOODLOG_WEB_PUBLIC_URL": _PUBLIC}
    link = CliRunner().invoke(main, ["web", "--link"], env=environment).output.strip()
    assert link.startswith(f"{_PUBLIC}/?code=")
    with _pages(home, web_public_url=_PUBLIC, web_proxies=_PROXY_ADDRESS) as pages, _proxied(pages) as client:
        assert client.get("/").status_code == 403
        welcome = client.get("/", params={"code": pages.access.new_code()})
        assert "Secure" in welcome.headers["set-cookie"]


def test_the_system_user_of_the_proxy(home: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("python3", path="/usr/bin") is None:
        pytest.skip("only root can become another user, and Linux knows whose connection it is")
    as_ada = {"x-login": "ada@example.org"}
    for proxy_user, user, status in (("", 65534, 403), ("nobody", 65534, 200), ("nobody", None, 403)):
        with (
            _pages(home, **_HEADER, web_proxy_user=proxy_user) as pages,
            _proxied(pages, user=user) as client,
        ):
            assert client.get("/~ada", headers=as_ada).status_code == status, (proxy_user, user)
    with _pages(home, **_HEADER, web_proxy_user="nobody") as pages, _proxied(pages, host="-", user=65534) as client:
        del client.headers["origin"]  # browsers send none when they open a page
        assert "must send the Host header" in client.get("/~ada", headers=as_ada).text


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"web_password": "correct horse battery"}, "MOODLOG_WEB_PUBLIC_URL"),
        ({"web_user_header": "Remote-User", "web_users": "a=b"}, "MOODLOG_WEB_PUBLIC_URL"),
        ({"web_host": "192.0.2.1"}, "MOODLOG_WEB_PUBLIC_URL"),
        ({"web_host": "localhost"}, "MOODLOG_WEB_HOST"),
        ({"web_proxies": "10.0.0.1"}, "MOODLOG_WEB_PUBLIC_URL"),
        ({"web_public_url": _PUBLIC, "web_user_header": "Remote-User"}, "MOODLOG_WEB_USERS"),
        ({"web_public_url": _PUBLIC, "web_users": "a=b"}, "MOODLOG_WEB_USER_HEADER"),
        (_HEADER | {"web_password": "correct horse battery"}, "exclude each other"),
        (_HEADER | {"web_user_header": "Cookie"}, "MOODLOG_WEB_USER_HEADER"),
        (_HEADER | {"web_user_header": "Remote User"}, "MOODLOG_WEB_USER_HEADER"),
        (_HEADER | {"web_users": "ada"}, "MOODLOG_WEB_USERS"),
        (_HEADER | {"web_users": "ada=ada,ada=*"}, "MOODLOG_WEB_USERS"),
        (_HEADER | {"web_proxies": "0.0.0.0/0"}, "MOODLOG_WEB_PROXIES"),
        (_HEADER | {"web_proxies": "proxy.example.org"}, "MOODLOG_WEB_PROXIES"),
        (_HEADER | {"web_proxies": ","}, "MOODLOG_WEB_PROXIES"),
        (_HEADER | {"web_proxy_user": "no-such-user"}, "MOODLOG_WEB_PROXY_USER"),
        (_PASSWORD | {"web_password": "short"}, "MOODLOG_WEB_PASSWORD"),
        (_PASSWORD | {"web_public_url": "http://moods.example.org"}, "MOODLOG_WEB_PUBLIC_URL"),
        (_PASSWORD | {"web_public_url": "https://example.org/moods"}, "without a path"),
        (_PASSWORD | {"web_public_url": "moods.example.org"}, "MOODLOG_WEB_PUBLIC_URL"),
    ],
)
def test_wrong_combinations_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], named: str
) -> None:
    for name, value in {"home": str(tmp_path), **values}.items():
        monkeypatch.setenv(f"MOODLOG_{name.upper()}", value)
    with pytest.raises(ConfigError) as refused:
        proxy_of(load_settings())
    assert named in refused.value.message
    assert "correct horse" not in refused.value.message
    assert "\n" not in refused.value.message


def test_a_wrong_combination_ends_the_command(tmp_path: Path) -> None:
    environment = {"MOODLOG_HOME": str(tmp_path), "MOODLOG_WEB_PASSWORD": "correct horse battery"}
    ended = CliRunner().invoke(main, ["web", "--port", "0"], env=environment)
    assert ended.exit_code == 78
    assert "MOODLOG_WEB_PUBLIC_URL" in ended.output
    assert proxy_of(_settings(tmp_path)) is None
    proxy = proxy_of(_settings(tmp_path, **_HEADER))
    assert proxy is not None
    assert replace(proxy, public="http://127.0.0.1:80").is_secure is False

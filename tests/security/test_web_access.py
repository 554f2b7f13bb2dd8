"""Access to the live pages: browsers with the cookie, programs with the token, pictures with their key."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.errors import ConfigError
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from mood_core.web.access import Access, read_or_make_token
from mood_core.web.server import access_of
from tests.report_history import NOW, add_history, workspace
from tests.served_pages import ServedPages, served

_PATHS = (
    "/",
    "/~ada",
    "/~ada/2026-11",
    "/~ada/day.svg",
    "/doctor",
    "/metrics",
    "/api/people",
    "/api/openapi.json",
    "/x",
)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace(tmp_path_factory.mktemp("access")) as space:
        add_history(space, 30)
        yield space


def _status(pages: ServedPages, path: str, **headers: str) -> int:
    with pages.stranger() as client:
        return client.get(path, headers=headers).status_code


@pytest.mark.parametrize("path", _PATHS)
def test_a_stranger_sees_nothing(pages: ServedPages, path: str) -> None:
    name, value = pages.access.cookie
    wrong = [{}, {"cookie": f"{name}=x"}, {"cookie": f"other={value}"}, {"authorization": "Bearer x"}, {"cookie": '="'}]
    for headers in wrong:
        with pages.stranger() as client:
            answer = client.get(path, headers=headers)
        assert answer.status_code == 403
        assert "alert(2)" not in answer.text
        assert "moodlog web --link" in answer.text
    assert _status(pages, path, cookie=f"{name}={value}") == (404 if path == "/x" else 200)


def test_a_link_works_once(space: Workspace, pages: ServedPages) -> None:
    code = access_of(space).new_code()  # as `moodlog web --link` makes it, in another process
    with pages.stranger() as client:
        welcome = client.get("/~ada/2026", params={"code": code})
        assert welcome.status_code == 200
        assert 'url=/~ada/2026"' in welcome.text
        cookie = welcome.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert client.get("/~ada").status_code == 200
    assert _status(pages, f"/?code={code}") == 403
    assert _status(pages, f"/?code={code[:-1]}x") == 403


def test_links_end_after_an_hour_and_with_the_server() -> None:
    now = [NOW]
    access = Access("t" * 43, lambda: now[0])
    early, late = access.new_code(), access.new_code()
    now[0] += timedelta(minutes=59)
    assert access.take_code(early)
    now[0] += timedelta(minutes=2)
    assert not access.take_code(late)
    code = access.new_code()
    now[0] += timedelta(seconds=1)
    assert not Access("t" * 43, lambda: now[0]).take_code(code)


def test_no_link_redirects_to_another_site(space: Workspace, pages: ServedPages) -> None:
    for path in ("//evil.example/", "/%5C%5Cevil.example", '/"><script>'):
        with pages.stranger() as client:
            answer = client.get(f"{pages.url}{path}", params={"code": access_of(space).new_code()})
        target = answer.text.partition("url=")[2].partition('">')[0]
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))
        assert "<script" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "moods.localhost"])
def test_another_host_is_refused_even_with_the_cookie(pages: ServedPages, host: str) -> None:
    assert pages.client.get("/", headers={"host": host}).status_code == 403
    assert "127.0.0.1" in pages.client.get("/api/people", headers={"host": host}).json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    ],
)
def test_a_page_of_another_origin_reads_nothing(pages: ServedPages, headers: dict[str, str]) -> None:
    for path in _PATHS:
        answer = pages.client.get(path, headers=headers)
        assert answer.status_code == 403
        assert not path.startswith("/api") or "another origin" in answer.json()["detail"]
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_program_sends_the_token(space: Workspace, pages: ServedPages) -> None:
    token = read_or_make_token(space.settings.home)
    assert _status(pages, "/api/people", authorization=f"Bearer {token}") == 200
    assert _status(pages, "/api/people", authorization=f"Basic {token}") == 403


def test_a_pictures_key_opens_only_that_picture(pages: ServedPages) -> None:
    key = pages.access.picture_key("/~ada/day.svg")
    assert _status(pages, f"/~ada/day.svg?key={key}") == 200
    for path in ("/~ada/week.svg", "/~ada", "/", "/~ada/day.svg/", "/api/people"):
        assert _status(pages, f"{path}?key={key}") == 403
    with pages.stranger() as client:
        assert client.post("/~ada/day.svg", params={"key": key}).status_code == 403


def test_pages_allow_no_foreign_code_and_no_frames(pages: ServedPages) -> None:
    for path in _PATHS:
        headers = pages.client.get(path).headers
        policy = dict(one.strip().split(" ", 1) for one in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_pages_have_no_inline_code(pages: ServedPages) -> None:
    for path in _PATHS[:3]:
        page = pages.client.get(path).text
        assert " style=" not in page
        assert " onload=" not in page
        scripts = [part.partition(">")[0] for part in page.split("<script")[1:]]
        assert all("src=" in one or 'type="application/json"' in one for one in scripts)


def test_what_needs_no_cookie_names_nobody(pages: ServedPages) -> None:
    with pages.stranger() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/assets/web.css").status_code == 200
        for path in (
            "/healthy",
            "/health/x",
            "/assets",
            "/assetsx",
            "/assets/../api/people",
            "/assets/%2e%2e/api/people",
        ):
            assert client.get(path).status_code in {403, 404}, path


def test_people_whose_addresses_begin_like_an_open_one_are_not_open(tmp_path: Path) -> None:
    named = {"one": "Healthy", "assets": "two", "favicon.ico": "three"}
    with workspace(tmp_path) as space:
        people = [User(user_id, name, "UTC", NOW) for user_id, name in named.items()]
        space.batches.add(USERS, users_table(people, recorded_at=NOW), now=NOW)
        with served(space) as pages:
            for path in ("/healthy", "/assets/2026/recap", "/favicon.ico/2026"):
                assert pages.client.get(path).status_code == 200, path
                assert _status(pages, path) == 403, path


def test_the_icon_and_the_page_behind_a_link_need_no_cookie(space: Workspace, pages: ServedPages) -> None:
    with pages.stranger() as client:
        assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"
        welcome = client.get("/", params={"code": access_of(space).new_code()}).text
        assert client.get("/assets/icon.svg").status_code == 200
    assert '<html lang="en">' in welcome
    assert 'rel="icon" href="/assets/icon.svg"' in welcome


def test_the_token_is_private_and_a_damaged_one_is_refused(space: Workspace) -> None:
    file = space.settings.home / "web-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    damaged = space.settings.home / "damaged"
    damaged.mkdir()
    (damaged / "web-token").write_text("short\n", encoding="ascii")
    with pytest.raises(ConfigError, match="web-token"):
        read_or_make_token(damaged)


def test_the_token_is_made_in_a_home_that_does_not_exist_yet(tmp_path: Path) -> None:
    with workspace(tmp_path / "new" / "home") as space:
        access_of(space)
    assert stat.S_IMODE((tmp_path / "new" / "home" / "web-token").stat().st_mode) == 0o600


def test_the_cookie_is_not_the_token(space: Workspace, pages: ServedPages) -> None:
    token = read_or_make_token(space.settings.home)
    for path in _PATHS:
        answer = pages.client.get(path)
        assert token not in answer.text + str(answer.headers)


def test_methods_that_change_are_refused(pages: ServedPages) -> None:
    for path in _PATHS:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer: httpx.Response = pages.client.request(method, path)
            assert answer.status_code in {404, 405}


def test_nothing_of_the_pages_is_logged(space: Workspace, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served(space) as pages:
        code = access_of(space).new_code()
        with pages.stranger() as client:
            client.get("/~ada/2026-11", params={"code": code})
    written = capfd.readouterr()
    assert code not in written.out + written.err
    assert "ada" not in written.out + written.err


def test_another_user_of_the_machine_is_refused_even_with_the_cookie(pages: ServedPages) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if sys.platform != "linux" or os.geteuid() != 0 or python is None:
        pytest.skip("only root can become another user, and Linux knows whose connection it is")
    name, value = pages.access.cookie
    port = int(pages.url.rpartition(":")[2])
    ask = f"""import socket
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")):
    with socket.socket(family) as connection:
        connection.connect((host, {port}))
        connection.sendall(b"GET /~ada HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nCookie: {name}={value}\\r\\n"
            b"X-Forwarded-For: 192.0.2.1\\r\\n\\r\\n")
        print(connection.recv(100).split()[1].decode())"""
    for user, status in ((65534, "403"), (0, "200")):
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True, user=user, cwd="/")
        assert done.stdout.split() == [status, status], user

"""Connecting as a person does: a browser that follows Spotify's page to the loopback address, or an answer pasted."""

from __future__ import annotations

import json
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.cli import connect as module
from mood_core.spotify.authorise import authorise
from standin import Fault, FaultKind, StandIn
from tests.nights import settings_for

BROWSER = """
import os, sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1] + os.environ["CONSENT"]).read()
except urllib.error.HTTPError:
    pass
"""
"""A person's browser: opens the address, does on the page what CONSENT says, and goes where it is sent."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def standin(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in that lives at this very moment, and a browser in which its first listener is logged in."""
    with StandIn(seed=3, listeners=2) as running:
        script = tmp_path / "browser.py"
        script.write_text(BROWSER)
        for name, value in {
            **settings_for(running),
            "MOODLOG_SPOTIFY_REDIRECT_URI": f"http://127.0.0.1:{_free_port()}/callback",
            "BROWSER": f"{sys.executable} {script} %s",
            "CONSENT": f"&listener={running.listeners[0].listener_id}",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(webbrowser, "_tryorder", None)
        yield running


def _moodlog(*arguments: str, pasted: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=pasted)


def _people() -> dict[str, dict[str, str]]:
    listed = map(json.loads, _moodlog("users", "list", "--json").stdout.splitlines())
    return {person["user_id"]: person for person in listed}


def test_two_people_connect_and_one_again(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = standin.listeners
    done = _moodlog("connect", "--timezone", "Asia/Tokyo")
    assert done.exit_code == 0, done.output
    assert f"Connected {first.display_name} ({first.account_id})" in done.stderr
    assert "Asia/Tokyo" in done.stderr
    assert "Pulled 50 new listens." in done.stderr
    assert "moodlog serve" in done.stderr
    assert standin.calls.entries("authorize", None)[0].query.count("scope=user-read-recently-played") == 1

    monkeypatch.setenv("CONSENT", f"&listener={second.listener_id}")
    assert _moodlog("connect").exit_code == 0
    assert _moodlog("users", "rename", first.account_id, "My name").exit_code == 0
    monkeypatch.setenv("CONSENT", f"&listener={first.listener_id}")
    assert _moodlog("connect").exit_code == 0, "again, instead of reconnecting"
    people = _people()
    assert (people[first.account_id]["display_name"], people[first.account_id]["timezone"]) == ("My name", "Asia/Tokyo")
    assert people[second.account_id]["display_name"] == second.display_name


def test_a_server_without_a_browser_connects_by_hand(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr(module, "_show_for_hand", pages.append)  # a person reads it there before they paste

    def paste() -> str:
        listener = standin.listeners[0].listener_id
        return httpx.get(f"{pages[-1]}&listener={listener}").headers["location"]

    monkeypatch.setattr(module, "_ask_for_answer", paste)
    assert _moodlog("connect", "--no-browser").exit_code == 0
    assert list(_people()) == [standin.listeners[0].account_id]


Upset = Callable[[StandIn, pytest.MonkeyPatch], object]


def _taken(_: StandIn, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    taken = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("MOODLOG_SPOTIFY_REDIRECT_URI", f"http://127.0.0.1:{taken.getsockname()[1]}/callback")
    return taken


def _setting(name: str, value: str) -> Upset:
    return lambda _, monkeypatch: monkeypatch.setenv(name, value)


WRONG: dict[str, tuple[Upset, tuple[str, ...], str | None, int, str]] = {
    "declined": (_setting("CONSENT", "&cancel=1&listener=ada-1"), (), None, 77, "was declined on Spotify's page"),
    "no client id": (_setting("MOODLOG_SPOTIFY_CLIENT_ID", ""), (), None, 78, "MOODLOG_SPOTIFY_CLIENT_ID is empty"),
    "localhost": (
        _setting("MOODLOG_SPOTIFY_REDIRECT_URI", "http://localhost:8888/callback"), (), None, 78, "http://127.0.0.1:8888",
    ),
    "port taken": (_taken, (), None, 78, "MOODLOG_SPOTIFY_REDIRECT_URI"),
    "no such zone": (lambda *_: None, ("--timezone", "Mars/Base"), None, 2, "Mars/Base"),
    "clock ahead": (lambda standin, _: standin.clock.advance(timedelta(hours=-1)), (), None, 78, "60 minutes ahead"),
    "clock behind": (lambda standin, _: standin.clock.advance(timedelta(hours=2)), (), None, 78, "120 minutes behind"),
    "not on the app's list": (
        lambda standin, _: standin.faults.add(Fault(FaultKind.FORBIDDEN, endpoint="me")), (), None, 78,
        "User Management",
    ),
    "services down": (
        _setting("MOODLOG_SPOTIFY_ACCOUNTS_URL", "http://127.0.0.1:9"), ("--no-browser",), "AQ\n", 75, "127.0.0.1:9",
    ),
    "nothing pasted": (lambda *_: None, ("--no-browser",), "\n", 2, "?code="),
    "end of input": (lambda *_: None, ("--no-browser",), "", 2, "?code="),
    "used code pasted": (lambda *_: None, ("--no-browser",), "AQold\n", 77, "works once and for ten minutes"),
    "another answer pasted": (
        lambda *_: None, ("--no-browser",), "http://127.0.0.1:8888/callback?code=AQ&state=other\n", 77, "state differs",
    ),
    "decline pasted": (lambda *_: None, ("--no-browser",), "?error=access_denied\n", 77, "state differs"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_can_go_wrong_is_one_sentence_with_its_remedy(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    upset, arguments, pasted, exit_code, words = WRONG[name]
    kept = upset(standin, monkeypatch)
    done = _moodlog("connect", *arguments, pasted=pasted)
    last = done.stderr.strip().splitlines()[-1]
    assert (done.exit_code, words in last) == (exit_code, True), done.output
    assert last.startswith("moodlog: ")
    assert "Traceback" not in done.stderr
    assert _people() == {}, "nobody is half connected"
    if isinstance(kept, socket.socket):
        kept.close()


def test_a_redirect_that_is_not_registered_is_explained_while_waiting(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spotify then shows an error page and sends nobody back: the terminal has to say it beforehand."""
    monkeypatch.setattr(module, "authorise", _hurried(authorise))
    with StandIn(seed=3, listeners=2, redirect_uris=["http://127.0.0.1:1/other"]) as strict:
        monkeypatch.setenv("MOODLOG_SPOTIFY_ACCOUNTS_URL", strict.accounts_url)
        done = _moodlog("connect")
    assert done.exit_code == 77
    waiting, ended = done.stderr.strip().splitlines()[-2:]
    for line in (waiting, ended):
        assert "Invalid redirect URI" in line
        assert "/callback" in line


def test_where_no_browser_opens_the_other_way_is_reported(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "authorise", _hurried(authorise))
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    assert "--no-browser" in _moodlog("connect").stderr


def _hurried(authorising: Callable[..., object]) -> Callable[..., object]:
    return lambda *arguments, **named: authorising(*arguments, **named, timeout_s=0.2)

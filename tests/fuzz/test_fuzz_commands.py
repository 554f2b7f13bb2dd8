"""The commands with hostile arguments, hostile settings and hostile names stored: an exit code and a sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Listen, ListenSource, Track, User
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.spotify.payload_values import identifier, text
from tests.fuzz.hostile import LONGEST_SENTENCE, TEXTS, fuzz, texts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_CODES = {0, 1, 2, 75, 77, 78}

_ARGUMENTS = texts | st.sampled_from(
    ["ada", "2026-11-20", "0000-00-00", "9999-12-31", "2026-02-30", "UTC", "../etc", "/", ".", "-1", "9" * 400,
     "--json", "http://example.org/track/x", "spotify:track:4uLU6hMCjMI75M1A2tKUQC", "s3://", "file:///etc", "Europe"]
)  # fmt: skip
_COMMANDS = (
    ["history", "--user", "?"], ["history", "--from", "?"], ["history", "--to", "?", "--by", "week"],
    ["history", "--by", "track", "--limit", "?"], ["history", "--by", "?"], ["report", "-u", "?", "--out", "?"],
    ["report", "--from", "?", "--out", "r.html"], ["recap", "--week", "?"], ["recap", "-u", "?"],
    ["recap", "-u", "ada", "--out", "?"],
    ["users", "rename", "ada", "?"], ["users", "set-timezone", "ada", "?"], ["users", "pause", "?"],
    ["export", "--user", "?"], ["export", "--user", "ada", "--output", "?"], ["forget", "--yes", "--user", "?"],
    ["predict", "?"], ["predict", "--features", "?"], ["predict", "--model", "?", "4uLU6hMCjMI75M1A2tKUQC"],
    ["catalog", "check", "?"], ["catalog", "add", "?"], ["catalog", "remove", "?"], ["compact", "--before", "?"],
    ["relabel", "--model", "?"], ["promote", "?"], ["import", "?"], ["import", "--user", "?", "x.zip"],
    ["reconnect", "?"], ["connect", "--timezone", "?"], ["evaluate", "--data", "?"], ["?", "?"],
    ["train", "--data", "?", "--out", "?"], ["dataset", "summary", "?"], ["dataset", "build", "?", "--out", "x.csv"],
    ["status", "?"], ["verify", "?"], ["backup", "?"],
)  # fmt: skip

_UNREACHABLE = {
    "MOODLOG_SPOTIFY_API_URL": "http://127.0.0.1:9",
    "MOODLOG_SPOTIFY_ACCOUNTS_URL": "http://127.0.0.1:9",
    "MOODLOG_FEATURE_SOURCES": "catalog",  # the others would be asked again and again
}


def run(*arguments: str) -> Result:
    """The command's outcome; only an exit on purpose is no defect."""
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in _CODES
    for line in result.stderr.splitlines():
        if line.startswith("moodlog: "):
            assert len(line) <= LONGEST_SENTENCE + 9
    assert not any(code in result.output for code in ("\x1b", "\0", "\x07")), "a terminal would obey"
    return result


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """The environment with ``changes``, put back afterwards."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _possible(argument: str) -> bool:
    """Whether an operating system hands it over: no NUL, and bytes that are no UTF-8 as Python shows them."""
    try:
        return "\0" not in argument and os.fsencode(argument) is not None
    except UnicodeEncodeError:
        return False


def _ada_is_known() -> None:
    with Workspace() as workspace:
        if not workspace.accounts.all(["ada"]):
            workspace.batches.add(USERS, users_table([User("ada", "Ada", "UTC", NOW)], recorded_at=NOW), now=NOW)


@pytest.mark.parametrize(
    "words", [["status", "?"], ["?"], ["--?"], ["history", "--by", "?"], ["history", "--?"]], ids=str
)
def test_a_wrong_argument_is_repeated_in_plain_text(home: Path, words: list[str]) -> None:
    assert run(*(word.replace("?", "\x1b]0;title\x07") for word in words)).exit_code == 2


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-27", "0001-01-01"])
def test_a_week_beyond_the_calendar_is_a_wrong_argument(home: Path, day: str) -> None:
    _ada_is_known()
    assert run("recap", "--week", day).exit_code == 2


def test_a_number_too_great_for_the_database_is_a_wrong_argument(home: Path) -> None:
    _ada_is_known()
    assert run("history", "--by", "track", "--limit", "9" * 400).exit_code == 2


def test_a_name_too_long_for_the_disk_is_reported_in_a_line(home: Path) -> None:
    _ada_is_known()
    result = run("export", "--user", "ada", "--output", "x" * 10_000)
    assert result.exit_code == 1
    assert "use a shorter name" in result.stderr


@given(command=st.sampled_from(_COMMANDS), data=st.data())
@fuzz(40)
def test_any_argument(home: Path, command: list[str], data: st.DataObject) -> None:
    arguments = [data.draw(_ARGUMENTS.filter(_possible)) if word == "?" else word for word in command]
    if arguments[0] in ("demo", "run", "serve", "browse"):
        return
    _ada_is_known()
    with environment(_UNREACHABLE):
        result = run(*arguments)
    assert result.exit_code == 0 or result.stderr
    assert not list(home.parent.glob(".*.[0-9]*")), "a half-written file was left"


_READING = (
    ["users", "list"], ["users", "list", "--json"], ["status"], ["status", "--json"], ["doctor", "--json"], ["doctor"],
    ["history"], ["history", "--by", "track"], ["history", "--by", "track", "--json"], ["history", "--json"],
    ["verify"], ["recap"], ["report", "--out", "r.html"], ["compact"], ["rebuild"],
)  # fmt: skip


@given(names=st.lists(texts, min_size=4, max_size=4))
@example(names=["[/]", "[bold]", "\x1b[31m", "=1+1"])
@fuzz(3)
def test_any_name_from_spotify_can_be_shown(home: Path, names: list[str]) -> None:
    who, title, artist, user_id = (text(name) or "x" for name in names)
    shutil.rmtree(home, ignore_errors=True)
    track = Track("t1", title, (artist, title), album=artist)
    user = User(identifier(user_id) or "u", who, "Europe/Berlin", NOW)
    with Workspace(now=lambda: NOW) as workspace:
        add = workspace.batches.add
        add(USERS, users_table([user], recorded_at=NOW), now=NOW)
        add(TRACKS, to_table(TRACKS, [track]), now=NOW)
        add(LISTENS, to_table(LISTENS, [Listen(user.user_id, NOW, "t1", ListenSource.RECENTLY_PLAYED)]), now=NOW)
    for command in _READING:
        result = run(*command)
        assert result.exit_code in (0, 1), result.output
        if "--json" in command:
            for line in result.stdout.splitlines():
                json.loads(line)
    (home.parent / "taken.zip").unlink(missing_ok=True)
    assert run("export", "--user", user.user_id, "--format", "csv", "--output", "taken.zip").exit_code == 0
    assert run("history", "--user", who).exit_code == 0


_SETTINGS = (
    "HOME", "DATABASE_URL", "LAKE_URL", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SPOTIFY_REDIRECT_URI",
    "SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_DAILY_BUDGET", "RECCOBEATS_URL", "FEATURE_SOURCES", "CATALOG",
    "TOKEN_KEY", "MODEL", "RUNTIME", "SHARDS", "IMPORT_MAX_BYTES", "IMPORT_MAX_FILES", "IMPORT_MAX_RATIO",
)  # fmt: skip
_VALUES = texts | st.sampled_from(
    ["/dev/null", "/dev/null/x", "/proc/1", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://",
     "postgresql:", "1,2", "1e3",
     "postgresql://u:planted@[::1/db", "mysql://u:planted@h/db", "sqlite:////dev/null/x.db", "://", "http://", "s3://",
     "https://u:planted@h:99999/", "http://[::1", "file:///etc/passwd", "ftp://h/x", "-1", "0", "9" * 5000,
     "catalog,,spotify", "catalog,catalog", "spotify,unknown", "\u0661", "true", "{}", "[]",
     "postgresql://u:planted@h:0/x"]
)  # fmt: skip
_USING = (
    ["status"], ["users", "list"], ["verify"], ["predict", "4uLU6hMCjMI75M1A2tKUQC"], ["doctor"], ["keys", "rotate"],
    ["catalog", "check"], ["connect", "--no-browser", "--timezone", "UTC"],
)  # fmt: skip


@pytest.mark.parametrize("name", _SETTINGS)
@given(value=_VALUES, command=st.sampled_from(_USING))
@example(value="postgresql://u:planted@[::1/db", command=["status"])
@example(value="s3://u:planted@bucket/\x07", command=["status"])
@example(value="\x1b[31mred\x1b[0m", command=["status"])
@example(value="\x1b[31mred\x1b[0m", command=["doctor"])
@fuzz(4)
def test_any_setting(home: Path, name: str, value: str, command: list[str]) -> None:
    if not _possible(value):
        value = TEXTS[0]
    with environment({**_UNREACHABLE, f"MOODLOG_{name}": value}):
        result = run(*command)
    if name not in ("HOME", "MODEL", "SPOTIFY_CLIENT_ID"):  # neither a path nor a public id is a place for a password
        assert "planted" not in result.output
    assert home.parent.exists()

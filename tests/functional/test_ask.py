"""Asking in a real terminal, and answering without one; every answer is stored at once."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import event

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.answers import AskedBecause
from mood_core.domain.questions import choose_questions, question_values
from mood_core.lake.schema import LISTENS, MOODS, TRACKS, USERS
from tests.store_data import NOW, listens, moods, query, set_current, tracks, users

NAMES = [f"{number:022d}" for number in range(12)]


@pytest.fixture
def history(home: Path) -> Iterator[Workspace]:
    """Ada has twelve labelled tracks."""
    at = datetime(2026, 8, 3, 9, tzinfo=UTC)
    with Workspace() as workspace:
        batches = workspace.batches
        batches.add(TRACKS, tracks(*NAMES), now=at)
        batches.add(USERS, users(("ada", "Europe/Berlin")), now=at)
        heard = [("ada", at + timedelta(minutes=n), NAMES[n % 12]) for n in range(30)]
        batches.add(LISTENS, listens(heard), now=at)
        batches.add(MOODS, moods(dict.fromkeys(NAMES, "Sad"), at=NOW), now=NOW)
        set_current(workspace.database, "m/1")
        yield workspace


def in_terminal(keys: list[str], *words: str, after: str = "open.spotify.com/track/") -> str:
    """The output of ``moodlog ask`` in a terminal where ``keys`` are pressed, each when ``after`` is shown again.

    By default that is after each question; ^C is a signal.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flows.cli", "ask", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        try:
            shown = _play(ours, keys, process, after)
            assert process.wait(60) == 0, shown
        finally:
            process.kill()
    os.close(ours)
    return shown


def _play(terminal: int, keys: list[str], process: subprocess.Popen[bytes], after: str) -> str:
    shown, asked, left = "", 0, list(keys)
    while select.select([terminal], [], [], 120)[0]:
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # the process has ended
            return shown
        if shown.count(after) > asked and left:
            asked += 1
            key = left.pop(0)
            process.send_signal(signal.SIGINT) if key == "^C" else os.write(terminal, key.encode())
    pytest.fail(f"nothing more came: {shown}")


def test_one_key_a_track(history: Workspace) -> None:
    shown = in_terminal(["h", "n", "tcs", " ", "u", "xq"], "--count", "5")
    rows = query(history.database, "SELECT answer, asked_because, is_latest FROM answers ORDER BY answered_at_ms")
    assert [row[0] for row in rows] == ["Happy", "none", "Calm|Sad", "undone"]
    assert {row[1] for row in rows[:3]} <= {"uncertain", "random"}
    assert "1/5" in shown
    assert "2 answers stored" in shown.replace("\u202f", " ")
    assert shown.count("3/5") == 2  # asked again after undo


@pytest.mark.parametrize(
    "key", ["\x1b[C", "\x1b[H", "\x1bOS", "\x1b[1;5C", "\x1b[15~", "\x1b[[E", "\x1bh", "\x1b", "ü", "\u4e2d"]
)
def test_a_key_without_meaning_answers_nothing_and_is_one_key(history: Workspace, key: str) -> None:
    shown = in_terminal([key, "q"], "--count", "2", after="n none of these")
    assert query(history.database, "SELECT count(*) FROM answers") == [(0,)]
    assert shown.count("n none of these") == 2  # at the start, and once for the key


def test_keys_typed_ahead_after_an_arrow_key_are_kept(history: Workspace) -> None:
    in_terminal(["\x1b[Ce\x1bOSh", "q"], "--count", "3")
    assert query(history.database, "SELECT answer FROM answers ORDER BY answered_at_ms") == [("Energetic",), ("Happy",)]


def test_the_last_answer_of_a_sitting_can_be_undone(history: Workspace) -> None:
    shown = in_terminal(["hu", "cx"], "--count", "1")
    rows = query(history.database, "SELECT answer FROM answers ORDER BY answered_at_ms")
    assert [row[0] for row in rows] == ["Happy", "undone", "Calm"]
    assert "1 answer stored" in shown


def test_ctrl_c_loses_nothing(history: Workspace) -> None:
    shown = in_terminal(["e", "^C"], "ada")
    assert "1 answer stored" in shown
    assert query(history.database, "SELECT mood, count(*) FROM person_labels GROUP BY mood") == [("Energetic", 1)]


def test_scripts_ask_and_answer_without_a_terminal(history: Workspace) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, list(words))
        assert done.exit_code == code, done.output
        return done.output

    assert "--json" in run("ask", code=2)
    assert "`moodlog ask NAME`" in run("answers")  # nobody has answered yet
    asked = [json.loads(line) for line in run("ask", "ada", "--count", "4", "--json").splitlines()]
    assert len({one["track_id"] for one in asked}) == 4
    assert {one["asked_because"] for one in asked} == {"uncertain", "random"}
    first = asked[0]
    assert set(first) == {"track_id", "track", "artists", "listens", "asked_because", "link"}  # not what the model says
    assert first["link"] == f"https://open.spotify.com/track/{first['track_id']}"
    given = json.loads(run("answer", "ada", first["link"], "happy", "calm", "--because", "random", "--json"))
    assert given["answer"] == "Happy|Calm"
    again = [json.loads(line) for line in run("ask", "ada", "--count", "12", "--json").splitlines()]
    assert first["track_id"] not in {one["track_id"] for one in again}
    summary = json.loads(run("answers", "ada", "--json"))
    assert (summary["tracks"], summary["by_reason"], summary["usable"]) == (1, {"random": 1}, 1)
    assert "44 more answers" in run("answers").replace("\u202f", " ")
    assert json.loads(run("answer", "ada", first["track_id"], "undo", "--json"))["answer"] == "undone"
    assert "no answer" in run("answer", "ada", first["track_id"], "undo", code=2)
    assert "not an answer" in run("answer", "ada", first["track_id"], "joyful", code=2)
    assert "no listen" in run("answer", "ada", "9" * 22, "sad", code=2)
    assert "called bob" in run("answer", "bob", first["track_id"], "sad", code=2)


def test_questions_are_uncertain_and_often_heard_and_some_random() -> None:
    chances = np.full((200, 4), 0.01)
    chances[:, 0] = 0.97
    chances[:20] = 0.25
    values = question_values(chances, np.arange(200) + 1)
    chosen = choose_questions(values, 20, seed=7)
    assert len(set(chosen.places.tolist())) == 20
    assert chosen.because.count(AskedBecause.RANDOM) == 6
    by_value = [place for place, why in zip(chosen.places, chosen.because, strict=True) if why == "uncertain"]
    assert sum(place < 20 for place in by_value) >= 8
    again = choose_questions(values, 20, seed=7)
    assert again.places.tolist() == chosen.places.tolist()
    assert len(choose_questions(values[:3], 20, seed=0).places) == 3
    assert len(choose_questions(values[:0], 20, seed=0).places) == 0


def test_the_answers_of_all_people_are_read_at_once(history: Workspace) -> None:
    for user, count in (("bob", 2), ("cleo", 3)):
        history.batches.add(USERS, users((user, "UTC")), now=NOW)
        heard = [(user, NOW - timedelta(hours=hour), name) for hour, name in enumerate(NAMES[:count])]
        history.batches.add(LISTENS, listens(heard), now=NOW)
        for name in NAMES[:count]:
            history.answer(user, name, "Sad", because=AskedBecause.RANDOM)
    statements: list[str] = []
    event.listen(history.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    one = history.answer_summaries(["bob"])
    of_one = len(statements)
    summaries = history.answer_summaries(["ada", "bob", "cleo"])
    assert len(statements) == 2 * of_one
    assert one["bob"] == summaries["bob"]
    assert {user: (each.tracks, each.usable) for user, each in summaries.items()} == {
        "ada": (0, 0),
        "bob": (2, 2),
        "cleo": (3, 3),
    }

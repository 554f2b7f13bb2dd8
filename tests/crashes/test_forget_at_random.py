"""A person is forgotten while everything else runs, and anything is killed, stands still or loses its sessions.

Whatever happens, after the next run of anything no byte of their id or name is left, and a rebuild brings nothing back.
The long form: ``MOODLOG_TEST_FORGETS=20 pytest tests/crashes/test_forget_at_random.py -m slow --timeout=0``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mood_core.app.workspace import Workspace
from tests.crashes.driver import LATER, Crashes, log_of
from tests.crashes.forgets import empty_history, is_begun, plant, where_they_are, while_it_stands
from tests.crashes.homes import NOW, settings_of
from tests.crashes.plays import Play, in_a_process, together

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

ROUNDS = int(os.environ.get("MOODLOG_TEST_FORGETS", "1"))
DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
SEEDS = pytest.mark.parametrize("seed", range(ROUNDS))
OTHERS = ("compact", "night", "import", "rebuild")
AFTER_THE_LEASE = timedelta(minutes=11)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect server's file without runs."""
    return empty_history(tmp_path_factory.mktemp("prefect"))


@dataclass
class Scene:
    """A home with a person who is to be forgotten."""

    crashes: Crashes
    database: str
    home: Path
    settings: dict[str, str]

    @property
    def person(self) -> str:
        return self.crashes.standin.listeners[0].account_id

    def play(self, program: str, after: timedelta = timedelta(0), **disturbance: Any) -> Play:
        """``program`` with a log of its own; an import is somebody else's."""
        play = self.crashes.prepared(program, self.home, self.settings, now=NOW + after, **disturbance)
        other = self.crashes.standin.listeners[1].account_id
        words = [other if program == "import" and word == self.person else word for word in play.words]
        return dataclasses.replace(play, words=words, log=f"{play.log}.{program}.{after.seconds}")

    def steps(self, program: str) -> int:
        return self.crashes.undisturbed(program, self.database)[0]

    def run(self, program: str, after: timedelta) -> None:
        """It must do what it is for."""
        play = self.play(program, after)
        assert in_a_process(play).code == 0, Path(play.log).read_text(encoding="utf-8")[-3000:]

    def settle(self, next_run: str) -> None:
        """The next run of anything completes what was begun; what was never begun is asked for again."""
        if not is_begun(self.settings, self.person):
            self.run("forget", 2 * AFTER_THE_LEASE)
        self.run(next_run, 2 * AFTER_THE_LEASE + LATER)
        assert where_they_are(self.home, self.settings, self.person) == [], next_run

    def rebuild(self) -> None:
        """It brings nothing back, and lake, ledger and SQL agree."""
        self.run("rebuild", 2 * AFTER_THE_LEASE + 2 * LATER)
        assert where_they_are(self.home, self.settings, self.person) == []
        with settings_of(self.settings), Workspace(now=lambda: NOW + 3 * AFTER_THE_LEASE) as workspace:
            assert workspace.verify(deep=True).findings == []


@contextmanager
def _scene(crashes: Crashes, database: str, history: Path) -> Iterator[Scene]:
    with crashes.home("forget", database) as (home, settings):
        scene = Scene(crashes, database, home, settings)
        plant(home, settings, scene.person, history)
        yield scene


@SEEDS
@DATABASES
@pytest.mark.parametrize("fault", ["killed", "stands still"])
def test_forgetting_that_is_disturbed_while_others_run(
    crashes: Crashes, history: Path, database: str, fault: str, seed: int
) -> None:
    random = Random(f"{seed} {database} {fault}")
    with _scene(crashes, database, history) as scene:
        step, cut = random.randint(1, scene.steps("forget")), database == "postgresql"
        if fault == "killed":
            forget = scene.play("forget", kill_at=step)
        else:
            late = scene.play(random.choice(OTHERS) if cut else "night", AFTER_THE_LEASE)
            forget = scene.play("forget", halt_at=step, meanwhile=while_it_stands(scene.settings, late, cut=cut))
        others = random.sample(OTHERS, 2)
        together([forget, *map(scene.play, others)])
        scene.settle(random.choice(OTHERS))
        scene.rebuild()


@SEEDS
@pytest.mark.parametrize(
    ("database", "program"), [("sqlite", "night"), *(("postgresql", program) for program in OTHERS)]
)
def test_a_run_that_stands_still_while_the_person_is_forgotten(
    crashes: Crashes, history: Path, database: str, program: str, seed: int
) -> None:
    """On PostgreSQL it loses its sessions, and with them its locks; then it goes on."""
    random = Random(f"{seed} {database} {program}")
    with _scene(crashes, database, history) as scene:
        step = random.randint(1, scene.steps(program))
        forget = scene.play("forget", AFTER_THE_LEASE)
        meanwhile = while_it_stands(scene.settings, forget, cut=database == "postgresql")
        in_a_process(scene.play(program, halt_at=step, meanwhile=meanwhile))
        scene.settle(random.choice(OTHERS))
        scene.rebuild()


def test_what_is_planted_is_found(crashes: Crashes, history: Path) -> None:
    """The search finds the person in every place where they are, so that an empty answer means something."""
    with _scene(crashes, "sqlite", history) as scene:
        found = " ".join(where_they_are(scene.home, scene.settings, scene.person))
        for part in ("moodlog.db", "/lake/listens", "/lake/users", "quarantine", "recaps", "prefect.db", "server.log"):
            assert part in found, log_of(scene.home)

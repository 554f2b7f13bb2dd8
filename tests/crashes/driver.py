"""Runs a program in a copy of its home, kills it at a step, runs it again, and reports what differs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import make_url

from mood_core.app.workspace import Workspace
from standin import StandIn
from tests.crashes import homes
from tests.crashes.homes import NOW, environment, settings_of
from tests.crashes.outcome import Outcome, differences, outcome
from tests.crashes.plays import Play, in_a_process
from tests.crashes.programs import PROGRAMS, shares
from tests.crashes.syscalls import Ending
from tests.databases import postgres_database

LATER = timedelta(minutes=7)


@dataclass(frozen=True, slots=True)
class Point:
    """A program killed just before its step ``step`` of ``steps``, and what differed after it had run again."""

    program: str
    database: str
    step: int
    steps: int
    call: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        said = "; ".join(self.problems) or "whole"
        return (
            f"{self.program} on {self.database}, killed before step {self.step} of {self.steps} ({self.call}): {said}"
        )


@dataclass(slots=True)
class Crashes:
    """Everything the points share: the stand-in, the homes as they were prepared, the server processes come from."""

    folder: Path
    standin: StandIn
    postgres: str | None = None
    prefect: dict[str, str] = field(default_factory=dict)
    _undisturbed: dict[tuple[str, str], tuple[int, Outcome]] = field(default_factory=dict)
    _templates: dict[tuple[str, str], str] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)

    def points(
        self, number: int, seed: int, programs: Sequence[str], databases: Sequence[str], *, full: bool = False
    ) -> Iterator[Point]:
        """Kill ``programs`` at ``number`` points together, spread over their steps at random by ``seed``.

        With ``full`` they are not killed: the disk is full from there on.
        """
        random = Random(seed)
        for program, share in shares(number, programs).items():
            for index, database in enumerate(databases):
                part = (share + len(databases) - 1 - index) // len(databases)
                steps = self.undisturbed(program, database)[0] if part else 0
                for stratum in range(part):
                    low, high = 1 + stratum * steps // part, (stratum + 1) * steps // part
                    step = random.randint(low, max(low, high))
                    refused = partial(self.refused, error=errno.ENOSPC)
                    yield (refused if full else self.killed)(program, database, step)

    def undisturbed(self, program: str, database: str) -> tuple[int, Outcome]:
        """How many steps the program has, and what it leaves when nobody disturbs it."""
        if (program, database) not in self._undisturbed:
            with self.home(program, database) as (home, settings):
                ended = self.play(program, home, settings, now=NOW, kill_at=None)
                if ended.code:
                    raise RuntimeError(f"{program} does not work: {log_of(home)}")
                found = outcome_of(settings)
                if found["findings of verify"]:
                    raise RuntimeError(f"{program} does not leave things in order: {found['findings of verify']}")
                self._undisturbed[program, database] = ended.steps, found
        return self._undisturbed[program, database]

    def killed(self, program: str, database: str, step: int) -> Point:
        """One point."""
        steps, expected = self.undisturbed(program, database)
        with self.home(program, database) as (home, settings):
            ended = self.play(program, home, settings, now=NOW, kill_at=step)
            again = self.play(program, home, settings, now=NOW + LATER)
            problems = self._judged(program, ended, again, home, lambda: differences(expected, outcome_of(settings)))
        return Point(program, database, step, steps, ended.last, tuple(problems))

    def refused(self, program: str, database: str, step: int, error: int) -> Point:
        """A run that may not write (by ``error``: a full disk, read-only folders) from ``step`` on, and another."""
        steps, expected = self.undisturbed(program, database)
        with self.home(program, database) as (home, settings):
            ended = self.play(program, home, settings, now=NOW, refuse_from=step, error=error)
            problems = untold(ended, log_of(home))
            again = self.play(program, home, settings, now=NOW + LATER)
            problems += self._judged(
                program, Ending(0, 0, ""), again, home, lambda: differences(expected, outcome_of(settings))
            )
        return Point(program, database, step, steps, os.strerror(error), tuple(problems))

    def _judged(
        self, program: str, ended: Ending, again: Ending, home: Path, compare: Callable[[], list[str]]
    ) -> list[str]:
        if ended.code not in (-signal.SIGKILL, 0):  # a run whose threads took fewer steps this time lives to its end
            return [f"the run to be killed ended with {ended.code}: {log_of(home)}"]
        gone = program == "forget" and again.code == 2 and "no account" in log_of(home)
        if again.code and not gone:
            return [f"the second run ended with {again.code}: {log_of(home)}"]
        return compare()

    def close(self) -> None:
        """Drop the databases that were made."""
        self._closing.close()

    @contextmanager
    def home(self, program: str, database: str) -> Iterator[tuple[Path, dict[str, str]]]:
        """A fresh copy of the home that ``program`` needs, and its settings."""
        kind = PROGRAMS[program].home
        prepared = self._prepared(kind, database)
        home = self.folder / f"home-{uuid4().hex[:8]}"
        shutil.copytree(prepared, home)
        try:
            if database == "sqlite":
                yield home, environment(home, self.standin, None)
            else:
                with postgres_database(self.postgres or "", self._templates[kind, database]) as url:
                    yield home, environment(home, self.standin, url)
        finally:
            shutil.rmtree(home)

    def _prepared(self, kind: str, database: str) -> Path:
        folder = self.folder / f"{kind}-{database}"
        if not folder.exists():
            url = None
            if database == "postgresql":
                url = self._closing.enter_context(postgres_database(self.postgres or ""))
                self._templates[kind, database] = make_url(url).database or ""
            folder.mkdir()
            with settings_of(environment(folder, self.standin, url)):
                if kind == "heard":
                    homes.heard(self.standin)
                elif kind == "old":
                    homes.old()
        return folder

    def play(
        self,
        program: str,
        home: Path,
        settings: dict[str, str],
        *,
        now: datetime,
        **disturbance: Any,
    ) -> Ending:
        """Run ``program`` in ``home``."""
        return in_a_process(self.prepared(program, home, settings, now=now, **disturbance))

    def prepared(
        self,
        program: str,
        home: Path,
        settings: dict[str, str],
        *,
        now: datetime = NOW,
        host: str | None = None,
        **disturbance: Any,
    ) -> Play:
        """What :func:`in_a_process` runs."""
        values = settings | self.prefect
        words = PROGRAMS[program].spelt(
            user=self._user(),
            track=self._track(),
            export=self._export(),
            model=self._model(),
            token=self._token(),
        )
        return Play(words, values, f"{home}.log", now, disturbance, host)

    def _user(self) -> str:
        return self.standin.listeners[0].account_id

    def _track(self) -> str:
        settings = environment(self._prepared("heard", "sqlite"), self.standin, None)
        with settings_of(settings), Workspace() as workspace:
            return min(str(row.track_id) for row in workspace.answer_rows.to_ask(self._user()))

    def _token(self) -> str:
        return json.dumps(self.standin.issue_tokens(self._user(), client_id="tests", rotates=False))

    def _export(self) -> Path:
        path = self.folder / "export.zip"
        if not path.exists():
            with settings_of(environment(self._prepared("heard", "sqlite"), self.standin, None)):
                homes.export_of(self._user(), path)
        return path

    def _model(self) -> Path:
        folder = self.folder / "model"
        return folder if folder.exists() else homes.another_model(folder)


def untold(ended: Ending, log: str) -> list[str]:
    """What is wrong with the way in which a refusal was reported: it is one sentence, and an exit code."""
    if ended.code == 0:  # what was refused could wait, such as SQLite's checkpoint
        return []
    reported = [line for line in log.splitlines() if line.startswith("moodlog: ")]
    if ended.code in (1, 75, 78) and len(reported) == 1 and "Traceback" not in log:
        return []
    return [f"ended with {ended.code} and said {log}"]


def outcome_of(settings: dict[str, Any]) -> Outcome:
    with settings_of(settings), Workspace(now=lambda: NOW + 2 * LATER) as workspace:
        workspace.batches.finish(now=workspace.now())
        return outcome(workspace)


def log_of(home: Path) -> str:
    return Path(f"{home}.log").read_text(encoding="utf-8", errors="replace")[-1500:]

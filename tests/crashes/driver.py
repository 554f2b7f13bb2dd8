"""Runs a program in a copy of its home, kills it at a step, runs it again, and tells what differs."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import make_url

from mood_core.bootstrap import Workspace
from mood_core.errors import MoodlogError
from mood_core.standin import StandIn
from tests.crashes import homes
from tests.crashes.homes import NOW, environment, settings_of
from tests.crashes.outcome import Outcome, differences, outcome
from tests.crashes.programs import PROGRAMS, shares
from tests.crashes.syscalls import Ending, run_until
from tests.databases import postgres_database

_LATER = timedelta(minutes=7)
_LIMIT_S = 180


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
    prefect_url: str | None = None
    _undisturbed: dict[tuple[str, str], tuple[int, Outcome]] = field(default_factory=dict)
    _templates: dict[tuple[str, str], str] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)

    def points(self, number: int, seed: int, programs: Sequence[str], databases: Sequence[str]) -> Iterator[Point]:
        """Kill ``programs`` at ``number`` points together, spread over their steps at random by ``seed``."""
        random = Random(seed)
        for program, share in shares(number, programs).items():
            for index, database in enumerate(databases):
                part = (share + len(databases) - 1 - index) // len(databases)
                steps = self.undisturbed(program, database)[0] if part else 0
                for stratum in range(part):
                    low, high = 1 + stratum * steps // part, (stratum + 1) * steps // part
                    yield self.killed(program, database, random.randint(low, max(low, high)))

    def undisturbed(self, program: str, database: str) -> tuple[int, Outcome]:
        """How many steps the program has, and what it leaves when nobody disturbs it."""
        if (program, database) not in self._undisturbed:
            with self._home(program, database) as (home, settings):
                ended = self._play(program, home, settings, now=NOW, kill_at=None)
                if ended.code:
                    raise RuntimeError(f"{program} does not work: {_log(home)}")
                self._undisturbed[program, database] = ended.steps, _outcome(settings)
        return self._undisturbed[program, database]

    def killed(self, program: str, database: str, step: int) -> Point:
        """One point."""
        steps, expected = self.undisturbed(program, database)
        with self._home(program, database) as (home, settings):
            ended = self._play(program, home, settings, now=NOW, kill_at=step)
            again = self._play(program, home, settings, now=NOW + _LATER)
            problems = self._judged(program, ended, again, home, lambda: differences(expected, _outcome(settings)))
        return Point(program, database, step, steps, ended.last, tuple(problems))

    def refused(self, program: str, database: str, step: int, error: int) -> Point:
        """A run that may not write (by ``error``: a full disk, read-only folders) from ``step`` on, and another."""
        steps, expected = self.undisturbed(program, database)
        with self._home(program, database) as (home, settings):
            ended = self._play(program, home, settings, now=NOW, refuse_from=step, error=error)
            problems = _untold(ended, _log(home))
            again = self._play(program, home, settings, now=NOW + _LATER)
            problems += self._judged(
                program, Ending(0, 0, ""), again, home, lambda: differences(expected, _outcome(settings))
            )
        return Point(program, database, step, steps, os.strerror(error), tuple(problems))

    def _judged(
        self, program: str, ended: Ending, again: Ending, home: Path, compare: Callable[[], list[str]]
    ) -> list[str]:
        if ended.code not in (-signal.SIGKILL, 0):  # a run whose threads took fewer steps this time lives to its end
            return [f"the run to be killed ended with {ended.code}: {_log(home)}"]
        gone = program == "forget" and again.code == 2 and "no account" in _log(home)
        if again.code and not gone:
            return [f"the second run ended with {again.code}: {_log(home)}"]
        return compare()

    def close(self) -> None:
        """Drop the databases that were made."""
        self._closing.close()

    @contextmanager
    def _home(self, program: str, database: str) -> Iterator[tuple[Path, dict[str, str]]]:
        """A fresh copy of the home that ``program`` needs, and its settings."""
        kind = PROGRAMS[program].home
        prepared = self._prepared(kind, database)
        home = self.folder / "home"
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
            with settings_of(environment(folder, self.standin, url)):
                homes.heard(self.standin) if kind == "heard" else homes.old()
        return folder

    def _play(
        self,
        program: str,
        home: Path,
        settings: dict[str, str],
        *,
        now: datetime,
        **disturbance: Any,
    ) -> Ending:
        values = settings | ({"PREFECT_API_URL": self.prefect_url} if self.prefect_url else {})
        words = PROGRAMS[program].spelt(user=self._user(), export=self._export(), model=self._model())
        return in_a_process(_Play(words, values, str(home) + ".log", now, disturbance))

    def _user(self) -> str:
        return self.standin.listeners[0].account_id

    def _export(self) -> Path:
        path = self.folder / "export.zip"
        if not path.exists():
            with settings_of(environment(self._prepared("heard", "sqlite"), self.standin, None)):
                homes.export_of(self._user(), path)
        return path

    def _model(self) -> Path:
        folder = self.folder / "model"
        return folder if folder.exists() else homes.another_model(folder)


@dataclass(frozen=True, slots=True)
class _Play:
    words: list[str]
    settings: dict[str, str]
    log: str
    now: datetime
    disturbance: dict[str, Any]


def in_a_process(play: _Play) -> Ending:
    """Run ``play`` in a process of its own, forked from one that has imported moodlog and does nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.crashes.child"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_watch, args=(play, theirs), daemon=False)
    process.start()
    theirs.close()
    try:
        ended: Ending = ours.recv() if ours.poll(_LIMIT_S) else Ending(71, 0, f"still running after {_LIMIT_S} s")
    except EOFError:
        process.join()
        ended = Ending(process.exitcode or 71, 0, "")
    finally:
        ours.close()
        if process.is_alive():
            process.join(5)
            process.kill()
        process.join()
        process.close()
    return ended


def _watch(play: _Play, answer: Connection) -> None:
    log = os.open(play.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if play.disturbance:
        answer.send(run_until(lambda: _moodlog(play), **play.disturbance))
    else:
        answer.send(Ending(_moodlog(play), 0, ""))


def _moodlog(play: _Play) -> int:
    """``moodlog`` with the words of ``play``, at its time; returns the exit code."""
    setattr(Workspace.__init__, "__kwdefaults__", {"now": lambda: play.now})  # noqa: B010
    with settings_of(play.settings):
        try:
            if play.words == ["night"]:
                return _night()
            from flows.cli import main

            main(play.words)
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _night() -> int:
    from tests.nights import one_night

    try:
        with Workspace() as workspace:
            one_night(workspace)
    except MoodlogError as error:  # as the command line tells it
        print(f"moodlog: {error.message}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _untold(ended: Ending, log: str) -> list[str]:
    """What is wrong with the way in which a refusal was told: it is one sentence, and an exit code."""
    if ended.code == 0:  # what was refused could wait, such as SQLite's checkpoint
        return []
    told = [line for line in log.splitlines() if line.startswith("moodlog: ")]
    if ended.code in (1, 75, 78) and len(told) == 1 and "Traceback" not in log:
        return []
    return [f"ended with {ended.code} and said {log}"]


def _outcome(settings: dict[str, Any]) -> Outcome:
    with settings_of(settings), Workspace(now=lambda: NOW + 2 * _LATER) as workspace:
        workspace.batches.finish(now=workspace.now())
        return outcome(workspace)


def _log(home: Path) -> str:
    return Path(f"{home}.log").read_text(encoding="utf-8", errors="replace")[-1500:]

"""Runs of moodlog in processes of their own, forked from one that has imported it and done nothing yet."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from mood_core.app.workspace import Workspace
from mood_core.errors import MoodlogError
from tests.crashes.homes import NOW, settings_of
from tests.crashes.syscalls import Ending, run_until

_LIMIT_S = 180


@dataclass(frozen=True, slots=True)
class Play:
    """A run of ``moodlog``: its ``words``, ``settings`` and time; ``disturbance`` is what :func:`run_until` takes."""

    words: list[str]
    settings: dict[str, str]
    log: str
    now: datetime
    disturbance: dict[str, Any] = field(default_factory=dict)
    host: str | None = None


def in_a_process(play: Play) -> Ending:
    """Run ``play`` in a process of its own, forked from one that has imported moodlog and does nothing else."""
    return together([play])[0]


def together(plays: Sequence[Play]) -> list[Ending]:
    """Run ``plays`` at the same time, in a process each; returns how each ended."""
    with ThreadPoolExecutor(len(plays)) as threads:
        return list(threads.map(_in_a_process, plays))


def _in_a_process(play: Play) -> Ending:
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


def _watch(play: Play, answer: Connection) -> None:
    log = os.open(play.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if play.disturbance:
        answer.send(run_until(lambda: _moodlog(play), **play.disturbance))
    else:
        answer.send(Ending(_moodlog(play), 0, ""))


def beside(play: Play) -> int:
    """Run ``play`` in a child of this process, to its end; returns its exit code."""
    child = os.fork()
    if not child:
        log = os.open(play.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = 70
        try:
            code = _moodlog(play)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _moodlog(play: Play) -> int:
    """``moodlog`` with the words of ``play``, at its time; returns the exit code."""
    setattr(Workspace.__init__, "__kwdefaults__", {"now": lambda: play.now})  # noqa: B010
    if play.host:
        setattr(socket, "gethostname", lambda: play.host)  # noqa: B010
    with settings_of(play.settings):
        try:
            if play.words == ["night"]:
                return _reported(_night)
            if play.words[0] == "consented":
                return _reported(lambda workspace: _connect(workspace, play.words[1]))
            from flows.cli import main

            main(play.words)
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _reported(work: Callable[[Workspace], object]) -> int:
    """The exit code of ``work``; what it fails with is said as the command line says it."""
    try:
        with Workspace() as workspace:
            work(workspace)
    except MoodlogError as error:
        print(f"moodlog: {error.message}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _night(workspace: Workspace) -> None:
    from tests.nights import one_night

    one_night(workspace)


def _connect(workspace: Workspace, answer: str) -> None:
    from tests.nights import token_of

    workspace.connect(token_of(json.loads(answer), NOW), "Europe/Berlin")

"""Runs a function in several processes at once: for work that is Python code and so uses one core in threads."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from mood_core.errors import MoodlogError, StoreError

_REPORTS = 100

Part = TypeVar("Part")
Result = TypeVar("Result")
Report = Callable[[int, int], None]
"""Called with the number of steps done and of all."""
Work = Callable[[Part, Report], Result]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: MoodlogError


@dataclass(frozen=True, slots=True)
class _Success(Generic[Result]):
    result: Result


class ChildProcesses(Generic[Result]):
    """Processes that were started by :func:`child_processes`."""

    def __init__(self, children: dict[Connection, SpawnProcess]) -> None:
        self._children = children

    def results(self, progress: Callable[[float], None]) -> list[Result]:
        """Wait for all; their results in the order of the parts. ``progress`` receives the share that is done, 0-1.

        Raises:
            MoodlogError: What a process raised.
            StoreError: A process ended without a result.
        """
        results: dict[Connection, Result] = {}
        shares = dict.fromkeys(self._children, 0.0)
        while left := shares.keys() - results.keys():
            for receiver in wait(list(left)):
                message = self._received(receiver)  # type: ignore[arg-type]
                if isinstance(message, _Failure):
                    raise message.error
                if isinstance(message, _Success):
                    results[receiver], message = message.result, 1.0  # type: ignore[index]
                shares[receiver] = message  # type: ignore[index]
                progress(sum(shares.values()) / len(shares))
        return [results[receiver] for receiver in self._children]

    def _received(self, receiver: Connection) -> Any:
        try:
            return receiver.recv()
        except EOFError as error:
            child = self._children[receiver]
            child.join()
            problem = f"a process ended unexpectedly with exit code {child.exitcode}"
            raise StoreError(f"{problem}; if memory ran out, use fewer --workers") from error


@contextmanager
def child_processes(work: Work[Part, Result], parts: Sequence[Part]) -> Iterator[ChildProcesses[Result]]:
    """Start a process for each of ``parts`` that calls ``work`` with it; those that still run are ended at the exit.

    ``work``, the parts and the results are pickled.
    """
    context = get_context("spawn")  # a fork would copy locks that other threads hold
    children: dict[Connection, SpawnProcess] = {}
    try:
        for part in parts:
            receiver, sender = context.Pipe(duplex=False)
            child = context.Process(target=_run, args=(sender, work, part), daemon=True)
            child.start()
            sender.close()  # the end of the child is the end of the stream
            children[receiver] = child
        yield ChildProcesses(children)
    finally:
        for receiver, child in children.items():
            child.terminate()
            child.join()
            receiver.close()


def _run(sender: Connection, work: Work[Part, Result], part: Part) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reported = 0

    def report(done: int, of: int) -> None:
        nonlocal reported
        if done * _REPORTS // of > reported:  # so few that they never fill the pipe
            reported = done * _REPORTS // of
            sender.send(done / of)

    try:
        sender.send(_Success(work(part, report)))
    except MoodlogError as error:
        sender.send(_Failure(error))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

"""Progress bars on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn


def bars(*columns: ProgressColumn, transient: bool = True) -> Progress:
    """Bars with a description and ``columns``, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)


@contextmanager
def count_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress callback that takes the number of items done and their total."""
    with bars(MofNCompleteColumn(), TimeRemainingColumn()) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def share_progress(*, transient: bool = True) -> Iterator[Callable[[str, float], None]]:
    """A progress callback that takes a step and the share of it that is done, 0-1; each step has its own bar."""
    with bars(TextColumn("{task.percentage:3.0f}%"), TimeRemainingColumn(), transient=transient) as shown:
        tasks = {}

        def show(step: str, share: float) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step.replace("_", " "), total=1.0)
            shown.update(tasks[step], completed=share)

        yield show

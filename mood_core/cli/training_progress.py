"""Progress of a training or an evaluation on stderr."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def training_progress() -> Iterator[Callable[[str, float], None]]:
    """A function that is told what is being done and the share of it that is done, 0–1, and shows it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>20}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def report(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what.replace("_", " "), total=1.0)
            bars.update(tasks[what], completed=share)

        yield report

"""Where the time of labelling everything goes: reading, the model, Parquet, SQL. It shows what more workers could gain.

``python -m tests.benchmarks.bench_relabel_stages [LISTENS] [sqlite|postgresql]``: 200,000 tracks, nine in ten with
features, heard LISTENS times (200,000 unless given). Wall seconds of one process, and each stage's share.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from mood_core.app.workspace import Workspace
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, TRACKS, USERS
from mood_core.usecases.nightly.label_tracks import label_tracks
from tests.benchmarks.bench_pull_scale import database_at
from tests.benchmarks.bench_store_load import say
from tests.benchmarks.bench_store_queries import NOW
from tests.benchmarks.listening import context, listens
from tests.sealed import run_sealed

T = TypeVar("T")


class Timed:
    """Adds up what the stages take."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self, stage: str, work: Callable[..., T]) -> Callable[..., T]:
        """``work``, its seconds counted as those of ``stage``."""

        def timed(*arguments: Any, **named: Any) -> T:
            start = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                self.seconds[stage] += time.perf_counter() - start

        return timed


def main(total: int, dialect: str) -> None:
    """Load everything, then label it, timed."""
    timed = Timed()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = stack.enter_context(database_at(Path(folder), dialect))
        os.environ.update({"MOODLOG_HOME": folder, "MOODLOG_DATABASE_URL": url})
        workspace = stack.enter_context(Workspace())
        facts = context()
        for dataset in (USERS, TRACKS, AUDIO_FEATURES):
            timed("load features", workspace.batches.add)(dataset, facts[dataset], now=NOW)
        for table in listens(total):
            timed("load listens", workspace.batches.add)(LISTENS, table, now=NOW)
        loaded = dict(timed.seconds)
        timed.seconds.clear()
        lake = workspace.lake
        batches = workspace.batches
        batches.add = timed("Parquet and SQL", batches.add)  # type: ignore[method-assign]
        lake.write = timed("Parquet", lake.write)  # type: ignore[method-assign]
        model = workspace.classifier()
        model.predict = timed("model", model.predict)  # type: ignore[method-assign]
        start = time.perf_counter()
        report = label_tracks(lambda: model, workspace.model_card, workspace.mood_rows, batches, now=workspace.now())
        whole = time.perf_counter() - start
    stages = timed.seconds
    stages["SQL"] = stages.pop("Parquet and SQL") - stages["Parquet"]
    stages["reading, the rest"] = whole - sum(stages.values())
    say(f"{report.labelled} tracks labelled in {whole:.1f} s, {total} listens, {dialect}")
    for stage, seconds in sorted(stages.items(), key=lambda item: -item[1]):
        say(f"{stage:20} {seconds:7.2f} s {seconds / whole:6.1%}")
    for stage, seconds in loaded.items():
        say(f"before: {stage:20} {seconds:7.2f} s")


def start() -> None:
    """Take the numbers from the command line."""
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, sys.argv[2] if len(sys.argv) > 2 else "sqlite")


if __name__ == "__main__":
    run_sealed(start)

"""What a night costs when much is stored already: the same night, by stage, on an empty history and on a long one.

``python -m tests.benchmarks.bench_night_growth [FOLDER] [LISTENS] [ACCOUNTS]`` keeps the long history in FOLDER, so
that a second run measures at once. Its people are the accounts that are pulled: 50 new listens each. SQLite.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from mood_core.app.workspace import Workspace
from mood_core.domain.records import FeatureMiss
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import FEATURE_MISSES, LISTENS, MOODS, USERS, Dataset
from mood_core.store.loading.load import load_batch
from tests.benchmarks.bench_pull_scale import consents, settings_of, standin_running
from tests.benchmarks.bench_store_load import say
from tests.benchmarks.bench_store_queries import NOW, fill
from tests.benchmarks.listening import PEOPLE, TRACK_COUNT, context, ids, listens
from tests.sealed import given_path, run_sealed

ROUNDS = 3
Seconds = tuple[float, float]


def main(folder: Path, total: int, accounts: int) -> None:
    """Nights alternately, each on a fresh copy; the first is not counted: it imports modules and fills the caches."""
    nights: dict[int, list[Mapping[str, Seconds]]] = {0: [], total: []}
    with standin_running(accounts, latency_s=0.0) as (standin, _):
        tokens = consents(standin, accounts)
        for stored in (0, *[0, total] * ROUNDS):
            kept = folder / f"night-{stored}"
            _point_at(standin, kept)
            _prepare(stored)
            with tempfile.TemporaryDirectory(dir=folder) as home:
                shutil.copytree(kept, home, dirs_exist_ok=True)
                _point_at(standin, Path(home))
                nights[stored].append(_night(tokens))
    del nights[0][0]
    say(f"{accounts} accounts, with nothing and with {total} listens stored before; medians of {ROUNDS}:")
    say(f"{'':24} {'CPU s':>7} {'CPU s':>7} {'ratio':>7}   {'wall s':>7} {'wall s':>7} {'ratio':>7}")
    for stage in nights[0][0]:
        say(f"{stage:24} {_compared(nights, stage, 0)}   {_compared(nights, stage, 1)}")


def _compared(nights: Mapping[int, list[Mapping[str, Seconds]]], stage: str, clock: int) -> str:
    empty, full = (median(night[stage][clock] for night in of) for of in nights.values())
    return f"{empty:7.2f} {full:7.2f} {full / max(empty, 0.01):7.2f}"


def _point_at(standin: Mapping[str, str], home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(settings_of(standin, home, f"sqlite:///{home / 'moodlog.db'}", threads=1))
    os.environ["MOODLOG_FEATURE_SOURCES"] = "reccobeats"


def _stages(workspace: Workspace) -> Iterator[tuple[str, Callable[[], Any]]]:
    from mood_core.report.mood_markdown import mood_markdown
    from mood_core.store.queries.import_rows import ImportRows
    from mood_core.usecases.imports.match_pending import match_pending
    from mood_core.usecases.nightly.fetch_features import fetch_features
    from mood_core.usecases.nightly.label_tracks import label_tracks
    from mood_core.usecases.nightly.pull_listens import PullListens

    now, batches = workspace.now(), workspace.batches
    people = [account.user_id for account in workspace.accounts.all() if account.state == "active"]
    pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, batches)
    models = (workspace.classifier, workspace.model_card, workspace.mood_rows)
    yield "finish", lambda: batches.finish(now=now)
    yield "accounts", workspace.accounts.all
    yield "due", lambda: workspace.accounts.due(now, daily_budget=None)
    yield "lease", lambda: workspace.accounts.leases.acquire(people, "bench", now=now, for_s=600.0)
    yield "pull", lambda: pull(people, now=now)
    yield "match plays by name", lambda: match_pending(ImportRows(workspace.database), batches, now=now)
    yield "features", lambda: fetch_features(workspace.feature_sources(), workspace.feature_rows, batches, now=now)
    yield "label", lambda: label_tracks(*models, batches, now=now)
    yield "summary", lambda: mood_markdown(workspace.database, now.date())


def _night(tokens: list[dict[str, str]]) -> Mapping[str, Seconds]:
    """CPU and wall seconds of each stage, and of all."""
    took: dict[str, Seconds] = {}
    with Workspace() as workspace:
        _connect(workspace, tokens)
        workspace.classifier()  # loaded once a process: not what is measured
        for name, run in _stages(workspace):
            cpu, wall = time.process_time(), time.perf_counter()
            run()
            took[name] = (time.process_time() - cpu, time.perf_counter() - wall)
    return took | {"all": (sum(cpu for cpu, _ in took.values()), sum(wall for _, wall in took.values()))}


def _connect(workspace: Workspace, tokens: list[dict[str, str]]) -> None:
    from mood_core.spotify.tokens import Token

    now = workspace.now()
    for person, one in zip(ids(1, PEOPLE), tokens, strict=False):
        ends = now + timedelta(seconds=3600)
        token = Token(one["access_token"], one["refresh_token"], ends, one["scope"], authorised_at=now)
        workspace.keep_token(person, token)


def _prepare(stored: int) -> None:
    """Make the history that is kept, where it is not there yet; its labels are by the model of tonight."""
    with Workspace() as workspace:
        lake, database, version = workspace.lake, workspace.database, workspace.model_card.model_version
        if lake.paths(USERS.name):
            return
        workspace.mood_rows.recognise(version, workspace.model_card.weights_sha256)
        workspace.mood_rows.set_current(version)
        for dataset, table in _facts(workspace, version, stored) if stored else [(USERS, context()[USERS])]:
            lake.write(dataset, table, created_at=NOW)
        fill(lake, database)
        for path in lake.paths(FEATURE_MISSES.name):
            load_batch(database, *lake.stream(path), now=NOW)


def _facts(workspace: Workspace, version: str, total: int) -> Iterator[tuple[Dataset, pa.Table]]:
    """The long history: a tenth of its tracks have recent feature misses."""
    facts = context()
    labels = facts[MOODS]
    place = labels.schema.get_field_index("model_version")
    facts[MOODS] = labels.set_column(place, "model_version", pa.array([version] * labels.num_rows))
    yield from facts.items()
    unknown = ids(2, TRACK_COUNT)[TRACK_COUNT * 9 // 10 :]
    for source in workspace.feature_sources():
        misses = [FeatureMiss(track, source.name, "unknown", workspace.now()) for track in unknown]
        yield FEATURE_MISSES, to_table(FEATURE_MISSES, misses)
    for table in listens(total):
        yield LISTENS, table


def start() -> None:
    """Take folder and numbers from the command line."""
    with tempfile.TemporaryDirectory() as spare:
        main(
            given_path(sys.argv[1] if len(sys.argv) > 1 else spare),
            int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000,
            int(sys.argv[3]) if len(sys.argv) > 3 else 200,
        )


if __name__ == "__main__":
    run_sealed(start)

"""``moodlog verify --workers``: the same findings in the same order, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import active_children
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.errors import StoreError
from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.locks.leases import new_owner
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.child_processes import Report, child_processes
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import NOW, flip_a_bit, listens, small_history, tracks, users

_PEOPLE = [f"p{number}" for number in range(7)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def store(lake: Lake, migrated: Database) -> Database:
    """Ten people, and tracks that only one of them has heard, before anything else is known of these tracks."""
    batches = small_history(lake, migrated)
    batches.add(USERS, users(*((person, "Asia/Tokyo") for person in [*_PEOPLE, "gone"])), now=NOW)
    plays = [(person, NOW - timedelta(hours=1), f"of-{person}") for person in [*_PEOPLE, "gone"]]
    batches.add(LISTENS, listens(plays), now=NOW)
    batches.add(TRACKS, tracks("unheard"), now=NOW)
    forget_person("gone", lake, migrated, owner=new_owner(), now=NOW)
    return migrated


def _nothing(_lake: Lake, _database: Database) -> None:
    pass


def _change_rows(_lake: Lake, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE listens SET ms_played = 7"))
        connection.execute(text("UPDATE tracks SET name = 'other' WHERE track_id IN ('t1', 'of-p1')"))
        connection.execute(text("UPDATE moods SET labelled_at_ms = labelled_at_ms + 1"))
        connection.execute(text("UPDATE users SET display_name = 'X' WHERE user_id = 'p3'"))


def _damage_files(lake: Lake, _database: Database) -> None:
    first, second, *_ = (Path(lake.root) / path for path in lake.paths("listens"))
    flip_a_bit(first)
    second.unlink()
    lake.write(LISTENS, listens([("ada", NOW, "t0")]), created_at=NOW)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (_nothing, set()),
        (_change_rows, {"rows"}),
        (_damage_files, {"damaged", "missing", "unloaded"}),
    ],
)
def test_any_number_of_workers_finds_the_same_in_the_same_order(
    lake: Lake, store: Database, change: Callable[[Lake, Database], None], kinds: set[str]
) -> None:
    change(lake, store)
    steps: list[tuple[int, int]] = []
    alone = verify(lake, store, now=NOW, deep=True)
    assert {finding.kind for finding in alone.findings} == kinds
    assert verify(lake, store, now=NOW, deep=True, workers=2, progress=lambda *step: steps.append(step)) == alone
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] or alone.lost
    assert not active_children()


def test_a_killed_worker_is_an_error_and_not_a_difference(lake: Lake, store: Database) -> None:
    def kill_one(_done: int, _of: int) -> None:
        for child in active_children()[:1]:
            child.kill()

    with pytest.raises(StoreError, match="--workers"):
        verify(lake, store, now=NOW, deep=True, workers=2, progress=kill_one)
    assert not active_children()


def hang(_part: int, report: Report) -> None:
    """Never end; the first report has the process id."""
    report(1, 1)
    threading.Event().wait()


def hang_in_processes() -> None:
    """Start two processes that never end, and print their ids when both are at work."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
    with child_processes(hang, [0, 1]) as children:
        ids = [child.pid for child in active_children()]

        def started(share: float) -> None:
            if share == 1:
                print(*ids, flush=True)  # noqa: T201

        children.results(started)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_processes_end_with_a_command_that_is_killed(number: signal.Signals) -> None:
    program = f"from {__name__} import hang_in_processes; hang_in_processes()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        ids = parent.stdout.readline().split()
        parent.send_signal(number)
    assert len(ids) == 2
    deadline = time.monotonic() + 60
    while any(_runs(int(id_)) for id_ in ids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "State:\tZ" not in status.read_text()

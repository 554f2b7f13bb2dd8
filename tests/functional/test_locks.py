"""Locks, leases and temporary files: one process at a time, and nothing remains of a process that has ended."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from mood_core.errors import StoreBusy
from mood_core.files.atomic import sweep_temporary, temporary_path
from mood_core.lake import open_lake
from mood_core.lake.schema import USERS
from mood_core.store import Database
from mood_core.store.loading.load import load_batch
from mood_core.store.locks.leases import new_owner
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases import account_lock as hold_account
from mood_core.usecases.account_lock import account_lock
from tests.store_data import NOW, users


def test_a_lock_is_held_by_one_at_a_time_and_another_lock_is_free(migrated: Database) -> None:
    with named_lock(migrated, NamedLock.UPKEEP):
        with (
            pytest.raises(StoreBusy, match="another moodlog is importing"),
            named_lock(migrated, NamedLock.UPKEEP, wait_s=0.3),
        ):
            pass
        with named_lock(migrated, NamedLock.LABELS, wait_s=0.3), migrated.write() as connection:
            connection.exec_driver_sql("INSERT INTO sources (source) VALUES ('meanwhile')")
    with named_lock(migrated, NamedLock.UPKEEP, wait_s=0.3):
        pass


def test_a_lock_is_released_by_an_error(migrated: Database) -> None:
    with pytest.raises(ZeroDivisionError), named_lock(migrated, NamedLock.LABELS):
        _ = 1 / 0
    with named_lock(migrated, NamedLock.LABELS, wait_s=0.3):
        pass


def test_an_account_is_locked_against_runs_and_released(
    migrated: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = (lake := open_lake(str(tmp_path / "lake"))).write(USERS, users(("ada", "UTC")), created_at=NOW)
    load_batch(migrated, *lake.stream(file.path), now=NOW)
    TokenRows(migrated).write("ada", b"secret", authorised_at=NOW, expected_version=None)
    accounts, another = Accounts(migrated), new_owner()
    monkeypatch.setattr(hold_account, "WAIT_S", 0.3)
    with account_lock(accounts, "ada", lambda: NOW):
        assert accounts.leases.acquire(["ada"], another, now=NOW, for_s=60) == []
    assert accounts.leases.acquire(["ada"], another, now=NOW, for_s=60) == ["ada"]
    with pytest.raises(StoreBusy, match="ada is being pulled"), account_lock(accounts, "ada", lambda: NOW):
        pass
    with account_lock(accounts, "nobody", lambda: NOW):
        pass


def test_nobody_writes_between_reading_and_writing_changed_plays(migrated: Database) -> None:
    if migrated.file is None:
        pytest.skip("on PostgreSQL, only the lease of the account prevents it")
    refused: list[str] = []

    def write_meanwhile(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "SELECT changed_plays" in statement:
            with closing(sqlite3.connect(str(migrated.file), timeout=0)) as other:
                try:
                    other.execute("UPDATE _accounts SET changed_plays = NULL")
                except sqlite3.OperationalError as error:
                    refused.append(str(error))

    event.listen(migrated.engine, "after_cursor_execute", write_meanwhile)
    Accounts(migrated).places.set_changed_plays("ada", [NOW], since=NOW)
    assert refused == ["database is locked"]


def test_temporary_files_of_processes_that_have_ended_are_swept_and_no_others(tmp_path: Path) -> None:
    target = tmp_path / "file.parquet"
    code = (
        "from mood_core.files.atomic import temporary_path; from pathlib import Path;"
        f" print(temporary_path(Path({str(target)!r})))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    mine, named_alike = temporary_path(target), temporary_path(tmp_path / "other")
    elsewhere = Path(str(mine).replace(socket.gethostname(), "another-host"))
    long_ago = Path(f"{str(elsewhere).removesuffix('.draft')}7.draft")
    for path in (Path(ended), mine, named_alike, elsewhere, long_ago):
        path.write_text("half")
    os.utime(long_ago, (time.time() - 90_000,) * 2)
    assert sweep_temporary(target) == 2
    assert sorted(tmp_path.iterdir()) == sorted([mine, named_alike, elsewhere])

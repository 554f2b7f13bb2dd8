"""Exclusive locks: tasks for one process at a time, across workers and hosts.

A lock ends with its process. On PostgreSQL it is an advisory lock, on SQLite the lock of an empty database file beside
the real one, so that other work continues. A process that loses the lock without noticing, because its session was
ended, cannot commit after another one has acquired it: see :mod:`mood_core.store.engine.fences`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mood_core.errors import StoreBusy, StoreError
from mood_core.files.private import NO_FOLLOW
from mood_core.store.engine.database import Database
from mood_core.store.engine.fences import Fence, fenced, holds, raise_fence
from mood_core.store.engine.named_queries import query

_WAIT_S = 60.0
_POLL_S = 0.2
_FAMILY = 0x6D6F6F64  # "mood", the first half of PostgreSQL's key


class NamedLock(Enum):
    """Tasks for one process at a time; the value is the message for the other processes."""

    UPKEEP = "another moodlog is importing, compacting, rebuilding, verifying or forgetting; try again when it is done"
    """Rewrites old files, or needs them unchanged."""

    LABELS = "another run is fetching audio features or labelling; try again when it is done"
    """Fetches audio features and labels tracks, which two runs would do twice. Runs that lease tracks share it."""

    RESPONSES = "another run is publishing the responses of feature sources; try again when it is done"
    """Publishes the pending responses of all runs."""


@contextmanager
def named_lock(database: Database, what: NamedLock, *, wait_s: float = _WAIT_S, shared: bool = False) -> Iterator[None]:
    """Hold the lock inside the context; waits up to ``wait_s`` seconds for another process.

    With ``shared``, other processes that share it can hold it at the same time.

    Raises:
        StoreBusy: Another process still holds it.
        LockLost: It was lost, and another process has acquired it.
        StoreError: The database cannot be reached.
    """
    with (_postgresql if database.dialect == "postgresql" else _sqlite)(database, what, wait_s, shared=shared):
        name = what.name.lower()
        with database.write() as connection:
            number = raise_fence(connection, name, shared=shared)
        with fenced(Fence(database.engine.url, name, number)):
            yield


@contextmanager
def named_lock_unless_held(database: Database, what: NamedLock, *, wait_s: float = _WAIT_S) -> Iterator[None]:
    """Like :func:`named_lock`, inside a function whose caller may hold the lock already."""
    if holds(database.engine.url, what.name.lower()):
        yield
    else:
        with named_lock(database, what, wait_s=wait_s):
            yield


@contextmanager
def _postgresql(database: Database, what: NamedLock, wait_s: float, *, shared: bool) -> Iterator[None]:
    try_lock, unlock = ("try_shared_lock", "unlock_shared") if shared else ("try_lock", "unlock")
    key = {"family": _FAMILY, "number": list(NamedLock).index(what)}
    deadline = time.monotonic() + wait_s
    with database.read() as connection:
        while not connection.scalar(query(try_lock), key):
            if time.monotonic() > deadline:
                raise StoreBusy(what.value)
            time.sleep(_POLL_S)
        connection.commit()  # the lock belongs to the session; an open transaction would block the vacuum
        try:
            yield
        finally:
            _unlock(connection, unlock, key)


def _unlock(connection: Connection, unlock: str, key: dict[str, int]) -> None:
    try:
        connection.scalar(query(unlock), key)
    except DBAPIError:
        connection.invalidate()  # the session has ended, and the lock with it


@contextmanager
def _sqlite(database: Database, what: NamedLock, wait_s: float, *, shared: bool) -> Iterator[None]:
    path = f"{database.engine.url.database}-{what.name.lower()}"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | NO_FOLLOW, 0o600))
    except OSError as error:
        if Path(path).is_symlink():
            raise StoreError(f"{path} is a symbolic link; remove it, moodlog makes its own file there") from error
        raise StoreError(f"{path} cannot be made: {error.strerror}") from error
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
    try:
        try:
            connection.execute(query("begin_transaction", *(() if shared else ("exclusive",))).text)
            connection.execute(query("count_rows", table="sqlite_schema").text)  # a shared lock begins with a read
        except sqlite3.OperationalError as error:
            raise StoreBusy(what.value) from error
        yield
    finally:
        connection.close()

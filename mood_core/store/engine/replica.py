"""Reads from a streaming replica of a PostgreSQL database, and from the database itself while the replica cannot serve.

A replica shows each change some time after its commit. It serves while it has the schema of this moodlog, belongs to
the same cluster and is at most so many seconds behind. What this process has written is read from the database itself
until the replica has it: a page after an answer shows the answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from mood_core.errors import ConfigError, MoodlogError, StoreError
from mood_core.store.engine.database import Database, postgresql_engine
from mood_core.store.engine.migrate import is_current
from mood_core.store.engine.named_queries import query

CHECK_S = 5.0
"""How long the result of a check holds."""

_CONNECT_S = 3
_CATCH_UP_S = 0.5
_POLL_S = 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """The state of a replica: why it cannot serve, or empty, and how many seconds and bytes of changes it is behind."""

    problem: str = ""
    behind_s: float = 0.0
    behind_bytes: int = 0


class ReadReplica(Database):
    """The database ``main``, of which the replica at ``url`` serves the reads. Writers use ``main`` itself."""

    def __init__(self, url: str, main: Database, *, most_behind_s: float, clock: Callable[[], float] = time.monotonic):
        if main.dialect != "postgresql":
            raise ConfigError("MOODLOG_READ_DATABASE_URL needs PostgreSQL in MOODLOG_DATABASE_URL; remove it")
        super().__init__(main.engine)
        self._main = main
        self._replica = Database(postgresql_engine(url, "MOODLOG_READ_DATABASE_URL", connect_timeout=_CONNECT_S))
        self._most_behind_s = most_behind_s
        self._clock = clock
        self._lock = threading.Lock()
        self._checked_at = -CHECK_S
        self._problem = ""
        self._seen_writes = main.writes
        self._own_changes: str | None = None

    @property
    def replica(self) -> Database:
        """The replica alone."""
        return self._replica

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads one consistent snapshot, of the replica if it can serve.

        Raises:
            StoreError: The database cannot be reached, or the replica failed during the transaction.
        """
        with ExitStack() as stack:
            yield self._connected(stack)

    def _connected(self, stack: ExitStack) -> Connection:
        if self._serves():
            try:
                connection = stack.enter_context(self._replica.read())
            except StoreError as error:
                self._note(error.message)
            else:
                if self._shows_own_changes(connection):
                    return connection
                stack.pop_all().close()
        return stack.enter_context(self._main.read())

    def _serves(self) -> bool:
        with self._lock:
            due = self._clock() - self._checked_at >= CHECK_S
            self._checked_at = self._clock() if due else self._checked_at
        if due:
            self._note(self.state().problem)
        return not self._problem

    def _note(self, problem: str) -> None:
        """Store ``problem`` until the next check, and log a change."""
        if bool(problem) != bool(self._problem):
            if problem:
                log.warning("the read replica is not used, and moodlog reads the main database: %s", problem)
            else:
                log.info("the read replica is used again")
        self._problem = problem

    def _shows_own_changes(self, connection: Connection) -> bool:
        """Whether the replica of ``connection`` has what this process has written."""
        with self._lock:
            writes = self._main.writes
            if writes != self._seen_writes:
                self._own_changes = self._main.rows(query("database_position"))[0].position
                self._seen_writes = writes
            wanted = self._own_changes
        if wanted is None:
            return True
        has = bool(connection.scalar(query("has_replayed"), {"position": wanted}))
        with self._lock:
            if has and self._own_changes == wanted:
                self._own_changes = None
        return has

    def state(self) -> ReplicaState:
        """Check the replica now. A short delay is waited for, because any change makes an idle replica look late."""
        try:
            main = self._main.rows(query("database_position"))[0]
        except StoreError as error:
            return ReplicaState(f"{self._replica} cannot be compared with the main database: {error.message}")
        try:
            deadline = time.monotonic() + _CATCH_UP_S
            while (state := self._compared(main.name, main.cluster, main.position)).problem:
                if not state.behind_bytes or time.monotonic() > deadline:
                    return state
                time.sleep(_POLL_S)
            if not is_current(self._replica):
                return ReplicaState(f"{self._replica} has the schema of another moodlog; wait until it has the upgrade")
        except MoodlogError as error:
            return ReplicaState(error.message)
        return state

    def _compared(self, name: str, cluster: int, position: str) -> ReplicaState:
        found = self._replica.rows(query("replica_position"), {"position": position})[0]
        if not found.is_replica:
            return ReplicaState(f"{self._replica} accepts writes; set MOODLOG_READ_DATABASE_URL to a streaming replica")
        if (found.name, found.cluster) != (name, cluster):
            return ReplicaState(f"{self._replica} is no replica of {self._main}; correct MOODLOG_READ_DATABASE_URL")
        behind = max(0, found.behind_bytes or 0)
        seconds = float(found.behind_s or 0) if behind else 0.0
        if seconds <= self._most_behind_s and (found.behind_s is not None or not behind):
            return ReplicaState("", seconds, behind)
        late = f"{seconds:.0f} s" if found.behind_s is not None else "an unknown time"
        problem = f"{self._replica} is {late} ({behind} bytes of changes) behind; check that replication runs"
        return ReplicaState(problem, seconds, behind)

    def close(self) -> None:
        """Close the pooled connections to the replica; ``main`` stays open."""
        self._replica.close()

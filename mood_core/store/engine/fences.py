"""Fencing numbers: a process that lost an exclusive lock or a lease without noticing cannot commit.

A lock can be lost while its holder works: a database server ends the session, or a laptop sleeps longer than a lease.
Each acquisition increments a number in SQL. Every write transaction first checks that the numbers of its context are
current, and blocks increments until it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqlalchemy import URL, Connection

from mood_core.errors import LockLost
from mood_core.store.engine.named_queries import query


@dataclass(frozen=True, slots=True)
class Fence:
    """An acquired lock or lease of the database at ``url``: its ``name`` and fencing ``number``.

    The query ``statement`` returns the current number of the name; ``what`` names the lock in messages.
    """

    url: URL
    name: str
    number: int
    statement: str = "fence"
    what: str = ""


@dataclass(frozen=True, slots=True)
class Leases:
    """The account leases of ``owner``: fencing numbers by user id; ``since``: time of the newest tombstone then, ms."""

    url: URL
    since: int
    owner: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)


_FENCES: ContextVar[tuple[Fence, ...]] = ContextVar("fences", default=())
_LEASES: ContextVar[Leases | None] = ContextVar("leases", default=None)


def raise_fence(connection: Connection, name: str, *, shared: bool = False) -> int:
    """Raise the number of the lock ``name`` and return it, after transactions with the old number have ended.

    Processes that share a lock have the same number, which is even; the number of one that holds it alone is odd.
    """
    return int(connection.execute(query("share_fence" if shared else "raise_fence"), {"name": name}).scalar_one())


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Check ``fence`` in every write transaction of this context."""
    token = _FENCES.set((*_FENCES.get(), fence))
    try:
        yield
    finally:
        _FENCES.reset(token)


def holds(url: URL, name: str) -> bool:
    """Whether this context has acquired the lock ``name``."""
    return any(fence.url == url and fence.name == name for fence in _FENCES.get())


def check_fences(connection: Connection) -> None:
    """Check the locks of this context and keep them until the end of the transaction.

    Raises:
        LockLost: Another process has acquired one of them since.
    """
    for fence in (held for held in _FENCES.get() if held.url == connection.engine.url):
        if connection.scalar(query(fence.statement), {"name": fence.name}) != fence.number:
            raise LockLost(
                f"the {fence.what or fence.name} lock of the database was lost, and another moodlog has acquired it"
                " since; nothing more was written, run this again"
            )


@contextmanager
def leased(leases: Leases) -> Iterator[None]:
    """Check ``leases`` before rows of people are written in this context."""
    token = _LEASES.set(leases)
    try:
        yield
    finally:
        _LEASES.reset(token)


def leases_of(connection: Connection) -> Leases | None:
    """The leases of this context in the database of ``connection``."""
    leases = _LEASES.get()
    return leases if leases and leases.url == connection.engine.url else None


def lost_leases(connection: Connection, leases: Leases, user_ids: set[str]) -> set[str]:
    """The people of ``user_ids`` whose lease another run has acquired; the other leases are kept until the end.

    People without a lease in ``leases`` do not count.
    """
    held = user_ids & leases.numbers.keys()
    if not held:
        return set()
    rows = connection.execute(query("held_leases"), {"owner": leases.owner})
    numbers = {row.user_id: row.lease_number for row in rows}
    return {user_id for user_id in held if numbers.get(user_id) != leases.numbers[user_id]}

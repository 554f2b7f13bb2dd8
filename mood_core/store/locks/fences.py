"""Fencing numbers: whoever lost an exclusive lock or a lease, without noticing, cannot commit any more.

A lock can be lost while its holder works: a database server ends the session that holds it, a laptop sleeps past the
end of a lease. Each acquisition raises a number in SQL. Every transaction that writes first checks that the numbers
its thread holds are the current ones, and keeps them from being raised until it ends.
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
    """An exclusive lock that is held: of the database at ``url``, by ``name``, with its ``number``."""

    url: URL
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Leases:
    """The accounts that ``owner`` holds, with their numbers by user id; ``since``: the newest forgetting then, ms."""

    url: URL
    since: int
    owner: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)


_FENCES: ContextVar[tuple[Fence, ...]] = ContextVar("fences", default=())
_LEASES: ContextVar[Leases | None] = ContextVar("leases", default=None)


def raise_fence(connection: Connection, name: str) -> int:
    """Raise the number of the lock ``name``; returns it. Transactions that checked the old one end first."""
    return int(connection.execute(query("raise_fence"), {"name": name}).scalar_one())


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Check ``fence`` in every transaction of this context that writes."""
    token = _FENCES.set((*_FENCES.get(), fence))
    try:
        yield
    finally:
        _FENCES.reset(token)


def holds(url: URL, name: str) -> bool:
    """Whether this context has acquired the lock ``name``."""
    return any(fence.url == url and fence.name == name for fence in _FENCES.get())


def check_fences(connection: Connection) -> None:
    """Hold the locks of this context until the end of the transaction.

    Raises:
        LockLost: Another process has acquired one of them since.
    """
    for fence in (held for held in _FENCES.get() if held.url == connection.engine.url):
        if connection.scalar(query("fence"), {"name": fence.name}) != fence.number:
            raise LockLost(
                f"the {fence.name} lock of the database was lost, and another moodlog has acquired it since;"
                " nothing more was written, run this again"
            )


@contextmanager
def leased(leases: Leases) -> Iterator[None]:
    """Check ``leases`` whenever rows of people are written in this context."""
    token = _LEASES.set(leases)
    try:
        yield
    finally:
        _LEASES.reset(token)


def leases_of(connection: Connection) -> Leases | None:
    """What this context holds in the database of ``connection``."""
    leases = _LEASES.get()
    return leases if leases and leases.url == connection.engine.url else None


def lost_leases(connection: Connection, leases: Leases, user_ids: set[str]) -> set[str]:
    """Those of ``user_ids`` whose lease another run has acquired since; the others are held until the transaction ends.

    Who is not in ``leases`` is held by nobody, and lost to nobody.
    """
    held = user_ids & leases.numbers.keys()
    if not held:
        return set()
    rows = connection.execute(query("held_leases"), {"owner": leases.owner})
    numbers = {row.user_id: row.lease_number for row in rows}
    return {user_id for user_id in held if numbers.get(user_id) != leases.numbers[user_id]}

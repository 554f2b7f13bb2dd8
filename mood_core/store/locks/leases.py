"""Owners of leases, and whether their processes still run.

An owner is named by host, process and a random part. Leases of a dead process of this host are released at once, so
that a killed run can be repeated without waiting; a lease of another host expires. A lease that ends too far in the
future was acquired with a wrong clock and does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from mood_core.processes import may_run, this_host, this_process

CLOCKS_DIFFER_S = 600.0
"""Clocks of machines that share a database differ by less; a time further in the future comes from a wrong clock."""

LEASE_S = 600.0
"""The duration of an account lease that is not renewed."""

WAIT_S = 60.0
"""How long a run waits for an account with another owner before it continues without it."""

POLL_S = 0.5
"""The interval between two attempts."""

_RENEW_S = 60.0


def new_owner() -> str:
    """A new owner in this process."""
    return owner_here(uuid4().hex)


def owner_here(name: str) -> str:
    """The owner called ``name`` in this process of this host: see :mod:`mood_core.processes`."""
    return f"{this_host()}:{this_process()}:{name}"


def run_of(owner: str) -> str:
    """The name of ``owner``: for a flow run its id, the same in every process that executes the run."""
    return owner.rpartition(":")[2]


def may_live(owner: str) -> bool:
    """Whether the process of ``owner`` may still run; True if this host cannot know."""
    host, _, rest = owner.partition(":")
    return may_run(host, rest.partition(":")[0])


class Renewal:
    """Renews a lease; calls ``renew`` at most once a minute."""

    def __init__(self, renew: Callable[[], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._renew = renew
        self._clock = clock
        self._last = clock()

    def __call__(self) -> None:
        """Renew the lease if a minute has passed."""
        if self._clock() - self._last >= _RENEW_S:
            self._renew()
            self._last = self._clock()

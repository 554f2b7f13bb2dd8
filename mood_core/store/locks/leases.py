"""Who holds an account while pulling it, and whether they still live.

An owner is named by host, process and a random part. A claim of a process of this host that has ended is nobody's at
once, so that a run that was killed can be repeated without waiting; a claim from another host ends when its lease does.
A lease that ends later than any honest one was taken by a clock that was wrong, and is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from mood_core.processes import may_run, this_host, this_process

CLOCKS_DIFFER_S = 600.0
"""The clocks of machines that share a database differ by less: a time further ahead is of a clock that was wrong."""

LEASE_S = 600.0
"""How long an account stays claimed when nobody renews the claim."""

WAIT_S = 60.0
"""How long somebody waits for an account that another holds, and then goes on without it."""

POLL_S = 0.5
"""How often they look whether it is free."""

_RENEW_S = 60.0


def new_owner() -> str:
    """A name for whoever claims something in this process."""
    return owner_here(uuid4().hex)


def owner_here(name: str) -> str:
    """What calls itself ``name``, as an owner in this process of this host: see :mod:`mood_core.processes`."""
    return f"{this_host()}:{this_process()}:{name}"


def run_of(owner: str) -> str:
    """What ``owner`` calls itself: for a flow run its id, the same in every process that executes the run."""
    return owner.rpartition(":")[2]


def may_live(owner: str) -> bool:
    """Whether the process that took a claim may still run; True where that cannot be known from here."""
    host, _, rest = owner.partition(":")
    return may_run(host, rest.partition(":")[0])


class Renewal:
    """Renews a claim now and then: calling it often costs nothing.

    ``renew`` is called at most once a minute of real time.
    """

    def __init__(self, renew: Callable[[], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._renew = renew
        self._clock = clock
        self._last = clock()

    def __call__(self) -> None:
        """Renew the claim if a minute has passed."""
        if self._clock() - self._last >= _RENEW_S:
            self._renew()
            self._last = self._clock()

"""A stand-in for the outside services on loopback: Spotify Accounts, Spotify Web API, ReccoBeats.

For the demo and the tests alone. As a library::

    with StandIn(seed=7, listeners=5) as standin:
        standin.faults.add(Fault("rate_limited", endpoint="recently_played"))

As a process: ``python -m mood_core.standin``.
"""

from mood_core.standin.calls import Call
from mood_core.standin.faults import Fault, FaultKind
from mood_core.standin.standin import StandIn
from mood_core.standin.world import TrueListen

__all__ = ["Call", "Fault", "FaultKind", "StandIn", "TrueListen"]

"""A stand-in for the outside services on loopback: Spotify, ReccoBeats, Deezer, MusicBrainz, ListenBrainz, Last.fm.

Only for the demo and the tests. As a library::

    with StandIn(seed=7, listeners=5) as standin:
        standin.faults.add(Fault("rate_limited", endpoint="recently_played"))

As a process: ``python -m standin``.
"""

from standin.calls import Call
from standin.faults import Fault, FaultKind
from standin.standin import StandIn
from standin.world import TrueListen

__all__ = ["Call", "Fault", "FaultKind", "StandIn", "TrueListen"]

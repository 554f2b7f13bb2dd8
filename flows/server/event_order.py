"""Lets Prefect's server evaluate events soon after a restart: the setting ``PREFECT_SERVER_EVENTS_CAUSAL_ORDERING``.

An event can name the event that it follows, and automations see them in this order. Prefect remembers in memory which
events it has seen, and holds an event for 15 minutes when it does not know the one before. After a restart it knows
none, so that the alert of a night that failed just then came 15 minutes late, or never when the server ended before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

PATIENCE = timedelta(seconds=15)
"""How long an event is held for the one before it: events of one server arrive within seconds of each other."""


class CausalOrdering(memory.CausalOrdering):
    """Prefect's ordering in memory, with :data:`PATIENCE` instead of 15 minutes."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Hold ``event`` for the one that it follows, unless it has been held long enough."""
        if datetime.now(UTC) - event.received < PATIENCE:
            await super().wait_for_leader(event)

    async def get_lost_followers(self) -> list[ReceivedEvent]:
        """The events that have been held long enough; they are held no longer."""
        held_since = datetime.now(UTC) - PATIENCE
        async with self._lock:
            lost = [self._events[id_] for id_, received in self._waitlist.items() if received <= held_since]
        for event in lost:
            await self.forget_follower(event)
        return sorted(lost, key=lambda event: event.occurred)

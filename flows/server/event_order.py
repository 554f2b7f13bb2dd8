"""Lets Prefect's server evaluate events soon after a restart: the setting ``PREFECT_SERVER_EVENTS_CAUSAL_ORDERING``.

An event can name the event that it follows, and automations see them in this order. Prefect keeps known events in
memory, and delays an event by 15 minutes if it does not know the one before. After a restart it knows none, so an alert
was 15 minutes late, or lost if the server ended before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

MAX_DELAY = timedelta(seconds=15)
"""How long an event waits for the one before it: events of one server arrive within seconds of each other."""


class CausalOrdering(memory.CausalOrdering):
    """Prefect's ordering in memory, with :data:`MAX_DELAY` instead of 15 minutes."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Delay ``event`` until the one that it follows, at most for :data:`MAX_DELAY`."""
        if datetime.now(UTC) - event.received < MAX_DELAY:
            await super().wait_for_leader(event)

    async def get_lost_followers(self) -> list[ReceivedEvent]:
        """The events whose delay is over."""
        before = datetime.now(UTC) - MAX_DELAY
        async with self._lock:
            lost = [self._events[id_] for id_, received in self._waitlist.items() if received <= before]
        for event in lost:
            await self.forget_follower(event)
        return sorted(lost, key=lambda event: event.occurred)

"""What happens in a simulated life, and when: seeded, so that a seed is a life."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 10, 9, 12, tzinfo=UTC)
"""Before a month in which the clocks change in Europe (25 October) and North America (1 November)."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begins`` to ``ends``, exclusive."""

    begins: datetime
    ends: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


@dataclass(frozen=True, slots=True)
class Move:
    """Listener number ``index`` lives by ``timezone`` from ``at`` on, and says so to moodlog."""

    index: int
    at: datetime
    timezone: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A life of ``listeners`` people over ``days`` days.

    Attributes:
        machine_off: when moodlog does not run at all.
        service_down: when Spotify answers nobody.
        revoked: by listener number: from the withdrawal of a permission to its renewal by ``moodlog reconnect``.
        moves: who moves to another time zone.
    """

    seed: int
    listeners: int
    days: int
    machine_off: tuple[Span, ...]
    service_down: tuple[Span, ...]
    revoked: dict[int, Span]
    moves: tuple[Move, ...]
    starts_at: datetime = START

    @property
    def ends_at(self) -> datetime:
        """When the life ends."""
        return self.starts_at + timedelta(days=self.days)


_FAR = ("Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata", "Europe/Lisbon", "America/Sao_Paulo")


def invent(seed: int, *, listeners: int, days: int, starts_at: datetime = START) -> Scenario:
    """A life with a day off and a day of outage each week, every fourth permission dying, every fifth person moving."""
    rng = random.Random(f"life/{seed}")
    weeks = max(1, days // 7)

    def moment(first_day: float, last_day: float) -> datetime:
        return starts_at + timedelta(minutes=round(1440 * (first_day + rng.random() * (last_day - first_day))))

    def spans(hours: tuple[float, float]) -> tuple[Span, ...]:
        begins = [moment(week * days / weeks + 0.5, (week + 1) * days / weeks - 2) for week in range(weeks)]
        return tuple(Span(begin, begin + _HOUR * rng.uniform(*hours)) for begin in begins)

    machine_off, service_down = spans((8, 30)), spans((4, 24))
    dying = sorted(rng.sample(range(listeners), max(1, listeners // 4)))
    deaths = {index: moment(0.2 * days, 0.7 * days) for index in dying}
    movers = sorted(rng.sample(range(listeners), max(1, listeners // 5)))
    return Scenario(
        seed,
        listeners,
        days,
        machine_off,
        service_down,
        {index: Span(at, at + _HOUR * rng.uniform(2, min(60, 4 * days))) for index, at in deaths.items()},
        tuple(Move(index, moment(0.2 * days, 0.9 * days), rng.choice(_FAR)) for index in movers),
        starts_at,
    )

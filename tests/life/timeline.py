"""What really was played, and what Spotify shows of it at a moment."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from standin import TrueListen
from standin.listeners import Listener
from standin.world import World
from tests.life.scenario import Scenario

WINDOW = 50
_BEFORE = timedelta(days=8)


@dataclass(slots=True)
class Timeline:
    """The listens of one person in the order of ``played_at``, from some days before the life until its end."""

    listens: list[TrueListen]
    _times: list[datetime] = field(init=False)

    def __post_init__(self) -> None:
        self._times = [listen.played_at for listen in self.listens]

    def shown(self, now: datetime) -> list[TrueListen]:
        """The newest 50 listens that are visible at ``now``, oldest first."""
        window: list[TrueListen] = []
        for listen in reversed(self.listens[: bisect_right(self._times, now)]):
            if listen.visible_at <= now:
                window.append(listen)
                if len(window) == WINDOW:
                    break
        return window[::-1]


def timelines(world: World, scenario: Scenario) -> dict[str, Timeline]:
    """Everybody's timeline by account id, with the moves of ``scenario`` made in ``world``."""
    people: list[Listener] = list(world.listeners())
    for move in scenario.moves:
        world.move(people[move.index], move.at.date(), move.timezone)
    start, end = scenario.starts_at - _BEFORE, scenario.ends_at
    found = {}
    for person in people:
        listens = sorted(world.truth(person, start, end), key=lambda listen: listen.played_at)
        found[person.account_id] = Timeline(listens)
    return found

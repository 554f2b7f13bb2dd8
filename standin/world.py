"""The simulated world: listeners, their days, and the listens that are visible at a point in time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mood_core.domain.records import from_ms, to_ms
from standin.catalogue import build_catalogue
from standin.days import DayPlanner, Play
from standin.listeners import Listener, account_id_of, invent_listener, listener_id_of
from standin.songs import Song

WINDOW = 50
"""Number of newest visible listens that Spotify returns."""
_CACHED_DAYS = 4096
_LOOK_BACK_DAYS = 60


@dataclass(frozen=True, slots=True)
class TrueListen:
    """A true listen. All times are aware UTC; ``visible_at`` is when Spotify first returns it."""

    played_at: datetime
    track_id: str
    visible_at: datetime
    started_at: datetime
    ended_at: datetime
    ms_played: int
    is_local: bool

    def as_json(self) -> dict[str, Any]:
        """The listen with its times as ISO 8601 text."""
        values = asdict(self)
        return {key: iso(value) if isinstance(value, datetime) else value for key, value in values.items()}


class World:
    """``listeners`` people, generated from ``seed``; thread-safe."""

    def __init__(
        self,
        seed: int = 7,
        listeners: int = 5,
        *,
        catalogue_size: int = 3000,
        listens_per_day: tuple[float, float] = (20, 70),
        burst_share: float = 0.0,
    ) -> None:
        self.seed = seed
        self.size = listeners
        self.catalogue = build_catalogue(seed, catalogue_size)
        self._per_day = listens_per_day
        self._planner = DayPlanner(seed, self.catalogue, burst_share=burst_share)
        self._lock = threading.Lock()
        self._listeners: dict[int, Listener] = {}
        self._days: OrderedDict[tuple[int, int], tuple[Play, ...]] = OrderedDict()
        self._index_of: dict[str, int] = {}
        self._moves: dict[int, list[tuple[date, str]]] = {}

    def listener(self, index: int) -> Listener:
        """Listener number ``index``, from 0."""
        found = self._listeners.get(index)
        if found is None:
            found = self._listeners[index] = invent_listener(self.seed, index, self._per_day)
        return found

    def listeners(self) -> Iterator[Listener]:
        """All listeners in order."""
        return (self.listener(index) for index in range(self.size))

    def find(self, name: str) -> Listener | None:
        """The listener with this user id or account id, or None."""
        if not self._index_of:
            ids = {listener_id_of(index): index for index in range(self.size)}
            self._index_of = ids | {account_id_of(self.seed, index): index for index in range(self.size)}
        index = self._index_of.get(name)
        return None if index is None else self.listener(index)

    def move(self, listener: Listener, day: date, timezone: str) -> None:
        """Change the listener's ``timezone`` (an IANA name) from ``day`` on; on that day they play nothing.

        Call it before that day is generated.
        """
        self._moves[listener.index] = sorted([*self._moves.get(listener.index, []), (day, timezone)])

    def song(self, index: int) -> Song:
        """The song number ``index`` of the catalogue."""
        return self.catalogue.songs[index]

    def day(self, listener: Listener, day: date) -> tuple[Play, ...]:
        """The plays of the listener's local ``day``, in order."""
        key = (listener.index, day.toordinal())
        with self._lock:
            cached = self._days.get(key)
            if cached is not None:
                self._days.move_to_end(key)
                return cached
        plays = self._planned(listener, day)
        with self._lock:
            self._days[key] = plays
            while len(self._days) > _CACHED_DAYS:
                self._days.popitem(last=False)
        return plays

    def _planned(self, listener: Listener, day: date) -> tuple[Play, ...]:
        moves = [move for move in self._moves.get(listener.index, []) if move[0] <= day]
        if not moves:
            return self._planner.plays(listener, day)
        arrived, timezone = moves[-1]
        return () if arrived == day else self._planner.plays(replace(listener, timezone=timezone), day)

    def window(self, listener: Listener, now_ms: int) -> list[Play]:
        """The newest 50 plays visible at ``now_ms``, newest first by ``played_ms``."""
        today = _latest_day(now_ms)
        visible: list[Play] = []
        enough = False
        for back in range(_LOOK_BACK_DAYS):
            plays = self.day(listener, today - timedelta(days=back))
            visible += [play for play in plays if play.visible_ms <= now_ms]
            # One additional day, because nights end on the next date.
            if enough:
                break
            enough = len(visible) >= WINDOW
        visible.sort(key=lambda play: play.played_ms, reverse=True)
        return visible[:WINDOW]

    def truth(self, listener: Listener, start: datetime, end: datetime) -> list[TrueListen]:
        """The listens with ``start <= played_at < end``, oldest first."""
        start_ms, end_ms = to_ms(start), to_ms(end)
        first, last = _latest_day(start_ms) - timedelta(days=3), _latest_day(end_ms)
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        plays = (play for day in days for play in self.day(listener, day))
        return [self._true_listen(play) for play in plays if start_ms <= play.played_ms < end_ms]

    def _true_listen(self, play: Play) -> TrueListen:
        song = self.song(play.song)
        return TrueListen(
            played_at=from_ms(play.played_ms),
            track_id=song.track_id,
            visible_at=from_ms(play.visible_ms),
            started_at=from_ms(play.started_ms),
            ended_at=from_ms(play.ended_ms),
            ms_played=play.ended_ms - play.started_ms,
            is_local=song.is_local,
        )


def iso(time: datetime) -> str:
    """``time`` in Spotify's format: UTC, milliseconds, ``Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def _latest_day(moment_ms: int) -> date:
    """The date in the time zone that is furthest ahead."""
    return (from_ms(moment_ms) + timedelta(hours=14)).date()

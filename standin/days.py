"""The plays of one listener on one local day: a pure function of the seed, the listener and the date."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mood_core.domain.records import MOODS
from standin.listeners import Listener, Slot
from standin.songs import Catalogue

_QUIET_DAY = 0.04
_BURST_DAY_LISTENS = 200
_DAY_ENDS_MINUTE = 28 * 60  # nights end at 4:00, before the next day's first session
_LOOP_CHANCE = 0.02
_CUT_SHORT_CHANCE = 0.07
_LOCAL_CHANCE = 0.03
_SHORTEST_MS = 30_000  # Spotify does not count shorter plays
_PLAYED_AT_START_CHANCE = 0.2


class Play(NamedTuple):
    """One play: the song's index and, in ms since 1970, its start, end, ``played_at`` and time of appearance.

    ``played_ms`` is the start or the end, because Spotify reports either. ``context`` is the number of a playlist, -1
    for none.
    """

    song: int
    started_ms: int
    ended_ms: int
    played_ms: int
    visible_ms: int
    context: int


class DayPlanner:
    """Generates days for the listeners of one world. ``burst_share`` of the days have about 200 plays."""

    def __init__(self, seed: int, catalogue: Catalogue, *, burst_share: float = 0.0) -> None:
        self._seed = seed
        self._catalogue = catalogue
        self._burst_share = burst_share
        self._released = tuple(song.album.released.toordinal() for song in catalogue.songs)

    def plays(self, listener: Listener, day: date) -> tuple[Play, ...]:
        """The plays of the listener's local ``day`` (until 4:00), with strictly increasing ``played_ms``."""
        rng = random.Random(f"day/{self._seed}/{listener.index}/{day.toordinal()}")
        count = self._count(rng, listener, day)
        slots = listener.weekends if day.weekday() >= 5 else listener.weekdays
        chosen = [slot for slot in slots if rng.random() < slot.chance or count >= _BURST_DAY_LISTENS]
        total = sum(slot.weight for slot in chosen)
        zone, free_from, plays = ZoneInfo(listener.timezone), 0, list[Play]()
        latest = _local_ms(day, _DAY_ENDS_MINUTE, zone)
        for slot in chosen:
            wanted = round(count * slot.weight / total)
            start = max(free_from, _local_ms(day, slot.start_minute + _jitter(rng, slot), zone))
            plays += self._session(rng, listener, slot, day=day, start=start, latest=latest, wanted=wanted)
            free_from = (plays[-1].ended_ms if plays else start) + 240_000
        return tuple(plays)

    def _count(self, rng: random.Random, listener: Listener, day: date) -> int:
        if rng.random() < self._burst_share:
            return _BURST_DAY_LISTENS
        if rng.random() < _QUIET_DAY:
            return 0
        weekend = 1.15 if day.weekday() >= 5 else 0.95
        return round(listener.listens_per_day * weekend * math.exp(rng.gauss(-0.03, 0.25)))

    def _session(
        self,
        rng: random.Random,
        listener: Listener,
        slot: Slot,
        *,
        day: date,
        start: int,
        latest: int,
        wanted: int,
    ) -> list[Play]:
        """Consecutive plays from ``start``; the mood sometimes changes, and a song may play in a loop."""
        mood = _weighted(rng, slot.moods)
        context = int(rng.random() * 12) - 6
        song, repeats, plays, now = 0, 0, list[Play](), start
        for _ in range(wanted):
            if rng.random() < 0.15:
                mood = _weighted(rng, slot.moods)
            if repeats:
                repeats -= 1
            else:
                song = self._song(rng, listener, mood, day)
                repeats = 1 + int(rng.random() * 4) if rng.random() < _LOOP_CHANCE else 0
            play = self._play(rng, song, now, max(-1, context))
            if play.ended_ms > latest:
                break
            plays.append(play)
            now = play.ended_ms + 400 + int(rng.random() * 2000)
        return _offline(rng, plays) if rng.random() < listener.offline_chance else plays

    def _song(self, rng: random.Random, listener: Listener, mood: int, day: date) -> int:
        if listener.has_local_files and rng.random() < _LOCAL_CHANCE:
            return self._catalogue.local[int(rng.random() * 3 + listener.index * 3) % len(self._catalogue.local)]
        shelf = self._catalogue.by_mood[MOODS[mood]]
        # A uniform power of the shelf's length is Zipf-distributed: rank r is proportional to 1/r.
        rank = int(len(shelf) ** rng.random()) - 1
        stride, offset, today = _coprime(listener.strides[mood], len(shelf)), listener.offsets[mood], day.toordinal()
        for step in range(len(shelf)):
            song = shelf[((rank + step) * stride + offset) % len(shelf)]
            if self._released[song] <= today:
                return song
        return shelf[0]

    def _play(self, rng: random.Random, song: int, started: int, context: int) -> Play:
        duration = self._catalogue.songs[song].duration_ms
        if rng.random() < _CUT_SHORT_CHANCE:
            duration = max(_SHORTEST_MS, int(duration * (0.3 + 0.6 * rng.random())))
        ended = started + duration
        played = started if rng.random() < _PLAYED_AT_START_CHANCE else ended
        return Play(song, started, ended, played, ended + 2000 + int(rng.random() * 40_000), context)


def _offline(rng: random.Random, plays: list[Play]) -> list[Play]:
    """Make a session offline: all plays appear at once, 30 minutes to 6 hours after its end."""
    if not plays:
        return plays
    appears = plays[-1].ended_ms + int((0.5 + 5.5 * rng.random()) * 3_600_000)
    return [play._replace(visible_ms=appears) for play in plays]


def _weighted(rng: random.Random, weights: tuple[float, ...]) -> int:
    left = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return len(weights) - 1


def _jitter(rng: random.Random, slot: Slot) -> int:
    return int((rng.random() - 0.5) * 2 * slot.jitter_minutes)


def _coprime(stride: int, length: int) -> int:
    while math.gcd(stride, length) != 1:
        stride += 1
    return stride


def _local_ms(day: date, minute: int, zone: ZoneInfo) -> int:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below, after the wall-clock sum
    return int((midnight + timedelta(minutes=minute)).replace(tzinfo=zone).timestamp() * 1000)

"""The listeners: names, time zones and daily habits."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from mood_core.domain.records import MOODS
from standin import names
from standin.songs import base62


@dataclass(frozen=True, slots=True)
class Slot:
    """A time of day with music: local start in minutes, probability, duration and moods."""

    name: str
    start_minute: int
    jitter_minutes: int
    chance: float
    weight: float
    moods: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Listener:
    """One person. ``listener_id`` is Spotify's user id, ``account_id`` the stable one, ``timezone`` an IANA name.

    ``strides`` and ``offsets`` map a rank among the favourites of a mood to a track.
    """

    index: int
    listener_id: str
    account_id: str
    display_name: str
    timezone: str
    listens_per_day: float
    weekdays: tuple[Slot, ...]
    weekends: tuple[Slot, ...]
    offline_chance: float
    has_local_files: bool
    strides: tuple[int, ...]
    offsets: tuple[int, ...]


# Probabilities of Calm, Energetic, Happy, Sad.
_WAKING = (0.25, 0.25, 0.45, 0.05)
_TRAVELLING = (0.15, 0.35, 0.3, 0.2)
_FOCUSED = (0.75, 0.05, 0.1, 0.1)
_TRAINING = (0.0, 0.85, 0.15, 0.0)
_PARTYING = (0.0, 0.5, 0.45, 0.05)
_RESTING = (0.45, 0.05, 0.2, 0.3)
_BROODING = (0.35, 0.0, 0.05, 0.6)

_WEEKDAY = (
    Slot("breakfast", 6 * 60 + 40, 25, 0.45, 0.7, _WAKING),
    Slot("commute", 7 * 60 + 50, 20, 0.8, 1.0, _TRAVELLING),
    Slot("morning work", 9 * 60 + 30, 40, 0.65, 2.2, _FOCUSED),
    Slot("afternoon work", 13 * 60 + 45, 50, 0.6, 2.2, _FOCUSED),
    Slot("commute", 17 * 60 + 25, 30, 0.75, 1.0, _TRAVELLING),
    Slot("training", 18 * 60 + 50, 30, 0.35, 1.2, _TRAINING),
    Slot("evening", 20 * 60 + 30, 45, 0.7, 1.4, _RESTING),
    Slot("late", 23 * 60 + 10, 40, 0.25, 0.8, _BROODING),
)
_WEEKEND = (
    Slot("late breakfast", 9 * 60 + 40, 60, 0.6, 1.2, _WAKING),
    Slot("outing", 13 * 60, 70, 0.55, 1.3, _TRAVELLING),
    Slot("training", 16 * 60, 60, 0.3, 1.2, _TRAINING),
    Slot("evening", 19 * 60, 50, 0.65, 1.6, _RESTING),
    Slot("party", 21 * 60 + 30, 50, 0.45, 2.6, _PARTYING),
    Slot("late", 24 * 60 + 20, 50, 0.2, 0.7, _BROODING),
)


def invent_listener(seed: int, index: int, listens_per_day: tuple[float, float] = (20, 70)) -> Listener:
    """Listener number ``index`` (from 0) of the world ``seed``; a pure function."""
    rng = random.Random(f"listener/{seed}/{index}")
    name = names.LISTENER_NAMES[index % len(names.LISTENER_NAMES)]
    low, high = listens_per_day
    return Listener(
        index=index,
        listener_id=listener_id_of(index),
        account_id=account_id_of(seed, index),
        display_name=name if index < len(names.LISTENER_NAMES) else f"{name} {index + 1}",
        timezone=names.TIMEZONES[index % len(names.TIMEZONES)],
        listens_per_day=low + (high - low) * rng.random(),
        weekdays=tuple(_personal(rng, slot) for slot in _WEEKDAY),
        weekends=tuple(_personal(rng, slot) for slot in _WEEKEND),
        offline_chance=0.25 * rng.random() ** 2,
        has_local_files=rng.random() < 0.35,
        strides=tuple(1 + int(rng.random() * 100_000) for _ in MOODS),
        offsets=tuple(int(rng.random() * 100_000) for _ in MOODS),
    )


def listener_id_of(index: int) -> str:
    """The user id of listener number ``index``."""
    return f"{names.LISTENER_NAMES[index % len(names.LISTENER_NAMES)].lower()}-{index + 1}"


def account_id_of(seed: int, index: int) -> str:
    """The stable account id of listener number ``index``."""
    digest = hashlib.sha256(f"account/{seed}/{index}".encode()).digest()
    return base62(int.from_bytes(digest[:20]), 26)


def _personal(rng: random.Random, slot: Slot) -> Slot:
    """Vary the slot for one person: time, frequency and taste."""
    taste = [weight * (0.5 + rng.random()) for weight in slot.moods]
    total = sum(taste)
    calm, energetic, happy, sad = (weight / total for weight in taste)
    return Slot(
        slot.name,
        slot.start_minute + int((rng.random() - 0.5) * 90),
        slot.jitter_minutes,
        min(1.0, slot.chance * (0.5 + rng.random())),
        slot.weight * (0.6 + 0.8 * rng.random()),
        (calm, energetic, happy, sad),
    )

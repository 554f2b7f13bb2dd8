"""People with some listens, labelled by a current model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, features, listens, moods, set_current, tracks, users

TRACK_IDS = [f"t{number}" for number in range(8)]


class Killed(BaseException):
    """The process ends here."""


def add_described(batches: Batches, database: Database, people: Sequence[str]) -> None:
    """Add ``people`` and eight tracks, of which six have features and are calm."""
    batches.add(USERS, users(*((person, "Europe/Berlin") for person in people)), now=NOW)
    batches.add(TRACKS, tracks(*TRACK_IDS), now=NOW)
    batches.add(AUDIO_FEATURES, features(TRACK_IDS[:6]), now=NOW)
    batches.add(MOODS, moods(dict.fromkeys(TRACK_IDS[:6], "Calm")), now=NOW)
    set_current(database, "m/1")


def listen(batches: Batches, people: Sequence[str], track_ids: Sequence[str], *, day: int) -> None:
    """Add a listen of each of ``track_ids`` by each of ``people``, so many days ago, a minute after the other."""
    at = NOW - timedelta(days=day)
    rows = [(person, at + timedelta(minutes=number), id_) for person in people for number, id_ in enumerate(track_ids)]
    batches.add(LISTENS, listens(rows), now=at)

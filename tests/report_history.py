"""A small history for tests of the page and the recap: one person, names that try to be markup, one gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import SecretStr
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import MOODS, AudioFeatures, Gap, Listen, ListenSource, Track, User, to_ms
from mood_core.lake import schema
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.settings import Settings

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = ("</script><script>alert(1)</script>", "\"quoted\" & 'single'", "😀🎧", "שלום עולם", "x" * 300, "plain")
PERSON = "/~ada"
"""The address of the person: the name is markup, so it is the id."""
USER = User("ada", '<img src=x onerror="alert(2)">', "Europe/Berlin", NOW)


def workspace(folder: Path, url: str | None = None) -> Workspace:
    """A workspace of its own in ``folder``, whose clock stands still."""
    return Workspace(
        Settings(home=folder, database_url=SecretStr(url or f"sqlite:///{folder / 'moodlog.db'}")), now=lambda: NOW
    )


@contextmanager
def labelled_workspace(folder: Path, listens: int) -> Iterator[Workspace]:
    """A workspace with the person's history, as if the bundled model had labelled it."""
    with workspace(folder) as space:
        add_history(space, listens)
        with space.database.write() as connection:
            version = space.model_card.model_version
            connection.execute(text("UPDATE models SET model_version = :version"), {"version": version})
        yield space


def add_history(space: Workspace, listens: int, moods: Sequence[str] = MOODS) -> None:
    """Add the person with ``listens`` plays, two every five hours or so; the track named ``plain`` stays unlabelled."""
    add = space.batches.add
    add(schema.USERS, users_table([USER], recorded_at=NOW), now=NOW)
    ids = [f"{index:022d}" for index in range(len(NAMES))]
    tracks = [Track(id_, name, (f"{name} band",)) for id_, name in zip(ids, NAMES, strict=True)]
    add(schema.TRACKS, to_table(schema.TRACKS, tracks), now=NOW)
    labelled = ids[:-1]
    features = [
        AudioFeatures(id_, 0.1, 0.5, index / 5, 0.1, 0.1, -8.0, 0.1, 120.0, 1 - index / 5, "reccobeats", NOW)
        for index, id_ in enumerate(labelled)
    ]
    add(schema.AUDIO_FEATURES, to_table(schema.AUDIO_FEATURES, features), now=NOW)
    add(schema.MOODS, _labels(labelled, moods), now=NOW)
    space.mood_rows.set_current("model/1")
    plays = [
        Listen("ada", _played_at(index), ids[index % len(ids)], ListenSource.EXTENDED_HISTORY)
        for index in range(listens)
    ]
    add(schema.LISTENS, to_table(schema.LISTENS, plays), now=NOW)
    gap = Gap("ada", NOW - timedelta(days=3), NOW - timedelta(days=2), NOW)
    add(schema.GAPS, to_table(schema.GAPS, [gap]), now=NOW)


def _played_at(index: int) -> datetime:
    return NOW - timedelta(minutes=307 * (index // 2) + 20 * (index % 2))


def _labels(ids: Sequence[str], moods: Sequence[str]) -> pa.Table:
    chosen = [moods[index % len(moods)] for index in range(len(ids))]
    chances = {
        f"p_{mood.lower()}": pa.array([0.7 if one == mood else 0.1 for one in chosen], pa.float32()) for mood in MOODS
    }
    count = len(ids)
    return pa.table(
        {
            "track_id": list(ids),
            "model_version": ["model/1"] * count,
            "mood": chosen,
            **chances,
            "uncertain": [False] * count,
            "out_of_distribution": [False] * count,
            "feature_source": ["reccobeats"] * count,
            "labelled_at": pa.array([to_ms(NOW)] * count, pa.int64()).cast(pa.timestamp("ms", "UTC")),
        }
    )


def add_years(space: Workspace, *, years: int, a_day: int, tracks: int = 20_000) -> int:
    """Add the person with ``a_day`` plays on each day of the last ``years``, heavy-tailed over ``tracks``; how many."""
    random = np.random.default_rng(5)
    add, ids = space.batches.add, [f"{index:022d}" for index in range(tracks)]
    add(schema.USERS, users_table([User("ada", "Ada", "Europe/Berlin", NOW)], recorded_at=NOW), now=NOW)
    titles = [Track(id_, f"Title {at}", (f"Artist {at % 3000}",)) for at, id_ in enumerate(ids)]
    add(schema.TRACKS, to_table(schema.TRACKS, titles), now=NOW)
    labelled = ids[: tracks * 9 // 10]
    values = random.random((len(labelled), 3))
    features = [
        AudioFeatures(id_, 0.1, 0.5, float(energy), 0.1, 0.1, -8.0, 0.1, 120.0, float(valence), "reccobeats", NOW)
        for id_, (energy, valence, _) in zip(labelled, values, strict=True)
    ]
    add(schema.AUDIO_FEATURES, to_table(schema.AUDIO_FEATURES, features), now=NOW)
    quadrants = [MOODS[2 * (valence > 0.5) + (energy > 0.5)] for energy, valence, _ in values]
    add(schema.MOODS, _labels(labelled, quadrants), now=NOW)
    space.mood_rows.set_current("model/1")
    days = years * 365
    total = days * a_day
    at_ms = to_ms(NOW) - 86_400_000 * (np.arange(total) // a_day) - random.integers(0, 57_600_000, total)
    heard = np.minimum(random.zipf(1.2, total) - 1, tracks - 1)
    _, first = np.unique(at_ms, return_index=True)
    for part in np.array_split(first, max(1, len(first) // 50_000)):
        plays = pa.table(
            {
                "user_id": pa.repeat("ada", len(part)),
                "played_at": pa.array(at_ms[part]).cast(pa.timestamp("ms", "UTC")),
                "track_id": pa.array(ids).take(pa.array(heard[part])),
                "ms_played": pa.nulls(len(part), pa.int32()),
                "source": pa.repeat(str(ListenSource.EXTENDED_HISTORY), len(part)),
                "skipped": pa.nulls(len(part), pa.bool_()),
                "shuffle": pa.nulls(len(part), pa.bool_()),
                "reason_end": pa.nulls(len(part), pa.string()),
            }
        )
        add(schema.LISTENS, plays.cast(schema.LISTENS.schema), now=NOW)
    return len(first)

"""Small histories for tests of the store: people, tracks, listens, features and moods by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import text

from mood_core.domain.records import MOODS as MOOD_NAMES
from mood_core.domain.records import AudioFeatures, Listen, ListenSource, Track, User
from mood_core.lake import Lake
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.loading.daily import recount_everything
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.upkeep.table_digests import TABLES, digests
from mood_core.usecases.batches import Batches

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExtendedListen(Listen):
    """A listen with the columns that only an extended history has."""

    skipped: bool | None = None
    shuffle: bool | None = None
    reason_end: str | None = None


def users(*people: tuple[str, str], recorded_at: datetime = NOW) -> pa.Table:
    """A row a (user id, time zone)."""
    return users_table([User(id_, id_.title(), zone, NOW) for id_, zone in people], recorded_at)


def tracks(*names: str) -> pa.Table:
    """Tracks whose id is their name."""
    return to_table(TRACKS, [Track(name, f"title {name}", ("somebody",), release_date="2019-05-01") for name in names])


def listens(rows: Iterable[tuple[str, datetime, str]]) -> pa.Table:
    """Listens of (user, time, track)."""
    return to_table(LISTENS, [Listen(user, at, track, ListenSource.RECENTLY_PLAYED) for user, at, track in rows])


def features(names: Sequence[str], at: datetime = NOW) -> pa.Table:
    """Features of tracks, different for each."""
    values = [(index % 10) / 10 for index in range(len(names))]
    rows = [
        AudioFeatures(name, v, v, v, v, v, -10.0, v, 120.0, v, source="catalog", fetched_at=at, duration_ms=200_000)
        for name, v in zip(names, values, strict=True)
    ]
    return to_table(AUDIO_FEATURES, rows)


def moods(labels: dict[str, str], version: str = "m/1", at: datetime = NOW) -> pa.Table:
    """Labels by track."""
    names, count = list(labels), len(labels)
    return pa.table(
        {
            "track_id": names,
            "model_version": [version] * count,
            "mood": [labels[name] for name in names],
            "uncertain": [labels[name] == "Sad" for name in names],
            "out_of_distribution": [False] * count,
            "feature_source": ["catalog"] * count,
            **{f"p_{mood.lower()}": [_probability(mood, labels[name]) for name in names] for mood in MOOD_NAMES},
            "labelled_at": pa.array([at] * count, pa.timestamp("ms", "UTC")),
        }
    )


def _probability(mood: str, reported: str) -> float:
    return 0.7 if mood == reported else 0.1


def small_history(lake: Lake, database: Database, *, months: int = 2, files: int = 3) -> Batches:
    """Two people's listens in ``files`` files a month, with features and moods of two tracks in three."""
    batches = Batches(lake, database)
    names = [f"t{index}" for index in range(9)]
    start = datetime(2026, 8, 3, 9, tzinfo=UTC)
    batches.add(TRACKS, tracks(*names), now=start)
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("grace", "America/New_York")), now=start)
    for month in range(months):
        for file in range(files):
            written = datetime(2026, 8 + month, 4 + file, 3, tzinfo=UTC)
            rows = [
                (user, written.replace(day=3 + file, hour=hour, minute=7 * hour % 60), names[(hour + file) % 9])
                for user in ("ada", "grace")
                for hour in range(0, 24, 3)
            ]
            batches.add(LISTENS, listens(rows), now=written)
            part = names[file * 2 : file * 2 + 2]
            if month == 0:
                batches.add(AUDIO_FEATURES, features(part, written), now=written)
                labels = {name: MOOD_NAMES[int(name[1:]) % 4] for name in part}
                batches.add(MOODS, moods(labels, at=written), now=written)
    set_current(database, "m/1")
    return batches


def set_current(database: Database, version: str) -> None:
    """Show a version's labels."""
    MoodRows(database).set_current(version)


def all_digests(database: Database) -> dict[str, dict[str, tuple[int, int]]]:
    """What the database holds, comparable between databases."""
    with database.read() as connection:
        return {table: digests(connection, table) for table in TABLES}


def query(database: Database, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def days_are_right(database: Database) -> bool:
    """Whether the daily counts are what counting everything again gives."""
    kept = query(database, "SELECT * FROM _mood_days ORDER BY user_key, day")
    with database.write() as connection:
        recount_everything(connection)
    return kept == query(database, "SELECT * FROM _mood_days ORDER BY user_key, day")


def flip_a_bit(path: Path) -> None:
    """Change a bit in the last page of the first column: checksums do not cover the headers of pages."""
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    content[start + column.total_compressed_size - 1] ^= 4
    path.write_bytes(content)

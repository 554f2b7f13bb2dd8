"""What a database holds of the lake's facts, as digests by person or track: two databases that hold the same agree."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct
from types import MappingProxyType
from typing import Any

from sqlalchemy import text

from mood_core.store.database import Database

_SINGLE = Struct("<f")
_CHUNK = 10_000

_FACTS: Mapping[str, str] = MappingProxyType(
    {
        "users": "SELECT user_id, display_name, timezone, connected_at_ms, recorded_at_ms FROM users",
        "tracks": (
            "SELECT substr(track_id, 1, 1), track_id, name, artists, album, duration_ms, isrc, release_date, kind"
            " FROM tracks"
        ),
        "listens": (
            "SELECT u.user_id, l.played_at_ms, t.track_id, l.ms_played, s.source FROM listens AS l"
            " INNER JOIN users AS u ON u.user_key = l.user_key INNER JOIN tracks AS t ON t.track_key = l.track_key"
            " INNER JOIN sources AS s ON s.source_key = l.source_key"
        ),
        "gaps": (
            "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms, g.found_at_ms, g.filled_at_ms FROM gaps AS g"
            " INNER JOIN users AS u ON u.user_key = g.user_key"
        ),
        "audio_features": (
            "SELECT substr(t.track_id, 1, 1), t.track_id, f.acousticness, f.danceability, f.energy,"
            " f.instrumentalness, f.liveness, f.loudness, f.speechiness, f.tempo, f.valence, f.duration_ms,"
            " f.fetched_at_ms, s.source FROM audio_features AS f"
            " INNER JOIN tracks AS t ON t.track_key = f.track_key"
            " INNER JOIN sources AS s ON s.source_key = f.source_key"
        ),
        "feature_misses": (
            "SELECT substr(t.track_id, 1, 1), t.track_id, s.source, f.reason, f.misses, f.first_missed_at_ms,"
            " f.last_missed_at_ms FROM feature_misses AS f INNER JOIN tracks AS t ON t.track_key = f.track_key"
            " INNER JOIN sources AS s ON s.source_key = f.source_key"
        ),
        "moods": (
            "SELECT substr(t.track_id, 1, 1), t.track_id, c.model_version, m.mood, m.p_calm, m.p_energetic, m.p_happy,"
            " m.p_sad, m.uncertain, m.out_of_distribution, m.labelled_at_ms, s.source FROM moods AS m"
            " INNER JOIN tracks AS t ON t.track_key = m.track_key"
            " INNER JOIN models AS c ON c.model_key = m.model_key"
            " INNER JOIN sources AS s ON s.source_key = m.source_key"
        ),
        "named_plays": (
            "SELECT u.user_id, p.ended_at_ms, p.artist, p.title, p.ms_played, t.track_id FROM named_plays AS p"
            " INNER JOIN users AS u ON u.user_key = p.user_key LEFT JOIN tracks AS t ON t.track_key = p.track_key"
        ),
        "mood_days": (
            "SELECT u.user_id, d.day, d.mood, d.listens, d.uncertain_listens FROM day_moods AS d"
            " INNER JOIN users AS u ON u.user_key = d.user_key"
        ),
    }
)
TABLES = tuple(_FACTS)
"""The tables whose rows come from the lake."""


def digests(database: Database, table: str) -> dict[str, tuple[int, int]]:
    """By person (or first character of the track id): how many rows, and a sum of their digests in any order."""
    result: dict[str, tuple[int, int]] = {}
    with database.read() as connection:
        rows = connection.execution_options(yield_per=_CHUNK).execute(text(_FACTS[table]))
        for row in rows:
            count, total = result.get(row[0], (0, 0))
            result[row[0]] = count + 1, (total + _digest(row[1:])) % 2**64
    return result


def counts(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    with database.read() as connection:
        return {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}  # noqa: S608


def days_add_up(database: Database) -> bool:
    """Whether the daily counts hold as many listens as there are."""
    query = "SELECT (SELECT count(*) FROM listens) = (SELECT coalesce(sum(listens), 0) FROM day_moods)"
    with database.read() as connection:
        return bool(connection.scalar(text(query)))


def _digest(values: Any) -> int:
    # Single precision on PostgreSQL, double on SQLite: its bits in single precision are what both keep. Digits are not,
    # because they round a number in the middle to one side or the other, depending on what is left behind it.
    plain = [_SINGLE.pack(value) if isinstance(value, float) else value for value in values]
    return int.from_bytes(blake2b(repr(plain).encode(), digest_size=8).digest(), "big")

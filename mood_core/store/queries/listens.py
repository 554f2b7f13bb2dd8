"""Questions about stored listens and tracks that merging a pulled window needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from mood_core.domain.records import Track, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.loading.keys import among


class ListenStore:
    """Listens in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_before(self, user_id: str, moment: datetime) -> datetime | None:
        """When the newest of a person's stored listens before ``moment`` was played; None where there is none."""
        with self._database.read() as connection:
            newest = connection.scalar(
                text(
                    "SELECT max(played_at_ms) FROM listens"
                    " WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id) AND played_at_ms < :moment"
                ),
                {"id": user_id, "moment": to_ms(moment)},
            )
        return None if newest is None else from_ms(newest)

    def stored_since(self, user_id: str, since: datetime) -> set[tuple[datetime, str]]:
        """(played_at, track id) of a person's stored listens from ``since`` on."""
        with self._database.read() as connection:
            rows = connection.execute(
                text(
                    "SELECT l.played_at_ms, t.track_id FROM listens AS l"
                    " INNER JOIN tracks AS t ON t.track_key = l.track_key"
                    " WHERE l.user_key = (SELECT user_key FROM users WHERE user_id = :id) AND l.played_at_ms >= :since"
                ),
                {"id": user_id, "since": to_ms(since)},
            )
            return {(from_ms(row.played_at_ms), row.track_id) for row in rows}

    def imported_since(self, user_id: str, since: datetime) -> list[tuple[Track, datetime, int | None, str]]:
        """(track, played_at, ms_played, source) of a person's listens from ``since`` on that were not polled."""
        query = text(
            "SELECT t.track_id, t.name, t.artists, l.played_at_ms, l.ms_played, s.source FROM listens AS l"
            " INNER JOIN tracks AS t ON t.track_key = l.track_key"
            " INNER JOIN sources AS s ON s.source_key = l.source_key"
            " WHERE l.user_key = (SELECT user_key FROM users WHERE user_id = :id)"
            " AND l.played_at_ms >= :since AND s.source <> 'recently_played'"
        )
        with self._database.read() as connection:
            rows = connection.execute(query, {"id": user_id, "since": to_ms(since)})
            return [
                (Track(row.track_id, row.name, (row.artists,)), from_ms(row.played_at_ms), row.ms_played, row.source)
                for row in rows
            ]

    def described_among(self, track_ids: Sequence[str]) -> set[str]:
        """Those of ``track_ids`` whose title and length are stored already."""
        with self._database.read() as connection:
            condition, given = among(connection, "track_id", track_ids)
            query = f"SELECT track_id FROM tracks WHERE {condition} AND name <> ''"  # noqa: S608
            known_whole = " AND (duration_ms IS NOT NULL OR kind = 'local')"
            return set(connection.scalars(text(query + known_whole), {"ids": given}))

"""Queries of an import: stored listens, known names, pending plays, gaps, and earlier imports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mood_core.domain.play_rules import Play
from mood_core.domain.records import Gap, ListenSource, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times
from mood_core.store.loading.keys import keys_of

_CHUNK = 50_000


class ImportRows:
    """Queries of an import to one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def track_keys(self, track_ids: Sequence[str]) -> dict[str, int]:
        """The keys of the stored tracks among ``track_ids``."""
        with self._database.read() as connection:
            return keys_of(connection, "tracks", track_ids)

    def titled_among(self, track_ids: Sequence[str]) -> set[str]:
        """The tracks of ``track_ids`` whose title is stored."""
        return set(self._database.scalars(query("titled_tracks"), {"ids": track_ids}))

    def extended_listens(self, user_id: str) -> Iterator[Sequence[tuple[int, int, int | None]]]:
        """A person's listens from extended histories, in chunks of (track key, played_at [ms], ms_played)."""
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_CHUNK).execute(query("extended_listens"), {"user": user_id})
            for part in rows.partitions(_CHUNK):
                yield [tuple(row) for row in part]

    def has_extended_listens(self, user_id: str) -> bool:
        """Whether a person has listens from an extended history."""
        return bool(self._database.scalars(query("has_extended_listens"), {"user": user_id}))

    def plays_but_extended(self, user_id: str) -> list[tuple[str, Play]]:
        """(track id, play) of a person's listens but those from extended histories."""
        return [
            (row.track_id, Play(row.played_at_ms, row.ms_played, ListenSource(row.source), row.duration_ms))
            for row in self._database.rows(query("listens_but_extended"), {"user": user_id})
        ]

    def track_names(self) -> Iterator[tuple[str, str, str]]:
        """(track id, title, artists) of every described track, ordered by id."""
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=_CHUNK).execute(query("track_names")):
                yield row.track_id, row.name, row.artists

    def other_names(self) -> list[tuple[str, str, str]]:
        """(track id, title, artists) of the tracks with several names, a row for each name."""
        return [tuple(row) for row in self._database.rows(query("other_names"))]

    def pending_plays(self, user_id: str | None = None) -> list[tuple[str, int, str, str, int | None, str]]:
        """(user id, time [ms], artist, title, ms_played, source) of the plays whose track is not known yet.

        They are ordered by person and source.
        """
        options = () if user_id is None else ("user",)
        return [tuple(row) for row in self._database.rows(query("pending_plays", *options), {"user": user_id})]

    def names_matched_until(self) -> datetime | None:
        """The time until which new names were compared with the pending plays; None before the first time."""
        until = self._database.scalar(query("names_matched_until"))
        return None if until is None else from_ms(until)

    def names_matched(self, until: datetime) -> None:
        """Record that every name from before ``until`` was compared with the pending plays."""
        self._database.run(query("set_names_matched_until"), {"until": to_ms(until)})

    def named(self, user_id: str) -> set[tuple[int, str, str, int | None]]:
        """(end [ms], artist, title, ms_played) of every play that an export named by artist and title."""
        return {tuple(row) for row in self._database.rows(query("named_plays"), {"user": user_id})}

    def listens_shorter_than(self, min_ms: int, user_id: str) -> int:
        """Number of a person's stored listens that are shorter than ``min_ms`` milliseconds."""
        with self._database.read() as connection:
            return int(connection.scalar(query("listens_shorter_than"), {"user": user_id, "min_ms": min_ms}) or 0)

    def tracks_by_reason(self, user_id: str) -> list[tuple[str | None, int, int, int]]:
        """(reason, tracks, tracks with features, listens): why tracks that a person played have no mood.

        The reason is None if they have one.
        """
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(query("tracks_by_reason"), {"user": user_id})]

    def open_gaps(self, user_id: str) -> list[Gap]:
        """A person's gaps that are not filled, oldest first."""
        return [Gap(user_id, **with_times(row)) for row in self._database.rows(query("open_gaps"), {"user": user_id})]

    def imported(self, user_id: str, digest: str, options: str) -> tuple[int, dict[str, int]] | None:
        """Rows and outcomes of an earlier import of the same bytes with the same options; None without one."""
        rows = self._database.rows(query("imported_file"), {"user": user_id, "digest": digest, "options": options})
        return (rows[0].rows_read, json.loads(rows[0].outcomes)) if rows else None

    def record_imported(
        self, user_id: str, digest: str, options: str, rows_read: int, outcomes: Mapping[str, int], *, now: datetime
    ) -> None:
        """Record that an export was imported as a whole."""
        values = {"user": user_id, "digest": digest, "options": options, "rows": rows_read, "at": to_ms(now)}
        self._database.run(query("record_imported_file"), values | {"outcomes": json.dumps(dict(outcomes))})

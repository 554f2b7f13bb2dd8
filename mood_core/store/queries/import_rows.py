"""What an import asks of SQL: a person's stored listens, known names, waiting plays, gaps, and what was imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mood_core.domain.records import Gap, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of

_CHUNK = 50_000


class ImportRows:
    """Questions of the import to one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def track_keys(self, track_ids: Sequence[str]) -> dict[str, int]:
        """The keys of those of ``track_ids`` that are stored."""
        with self._database.read() as connection:
            return keys_of(connection, "tracks", track_ids)

    def titled_among(self, track_ids: Sequence[str]) -> set[str]:
        """Those of ``track_ids`` whose title is stored already."""
        with self._database.read() as connection:
            return set(connection.scalars(query("titled_tracks"), {"ids": track_ids}))

    def extended_listens(self, user_id: str) -> Iterator[Sequence[tuple[int, int, int | None]]]:
        """A person's listens from extended histories, in chunks of (track key, played_at [ms], ms_played)."""
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_CHUNK).execute(query("extended_listens"), {"user": user_id})
            for part in rows.partitions(_CHUNK):
                yield [tuple(row) for row in part]

    def listens_but_extended(self, user_id: str) -> list[tuple[str, int, int | None, str]]:
        """A person's polled listens and those from account data: (track id, played_at [ms], ms_played, source)."""
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(query("listens_but_extended"), {"user": user_id})]

    def track_names(self) -> Iterator[tuple[str, str, str]]:
        """(track id, title, artists) of every described track, in the order of their ids."""
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=_CHUNK).execute(query("track_names")):
                yield row.track_id, row.name, row.artists

    def pending_plays(self, user_id: str | None = None) -> list[tuple[str, int, str, str, int | None]]:
        """(user id, end [ms], artist, title, ms_played) of the plays whose track is not known yet."""
        statement = "pending_plays" if user_id is None else "pending_plays_of"
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(query(statement), {"user": user_id})]

    def names_matched_until(self) -> datetime | None:
        """Until when the names that came were held against the waiting plays; None before the first time."""
        with self._database.read() as connection:
            until = connection.scalar(query("names_matched_until"))
        return None if until is None else from_ms(until)

    def names_matched(self, until: datetime) -> None:
        """Note that every name that came before ``until`` was held against the waiting plays."""
        with self._database.write() as connection:
            connection.execute(query("set_names_matched_until"), {"until": to_ms(until)})

    def named(self, user_id: str) -> set[tuple[int, str, str, int | None]]:
        """(end [ms], artist, title, ms_played) of every play that was ever kept by name."""
        with self._database.read() as connection:
            return {tuple(row) for row in connection.execute(query("named_plays"), {"user": user_id})}

    def listens_shorter_than(self, min_ms: int, user_id: str) -> int:
        """Number of a person's stored listens that are shorter than ``min_ms`` milliseconds."""
        with self._database.read() as connection:
            return int(connection.scalar(query("listens_shorter_than"), {"user": user_id, "min_ms": min_ms}) or 0)

    def tracks_by_reason(self, user_id: str) -> list[tuple[str | None, int, int]]:
        """(reason, tracks, listens): why tracks that a person played have no mood; the reason is None if they have."""
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(query("tracks_by_reason"), {"user": user_id})]

    def open_gaps(self, user_id: str) -> list[Gap]:
        """A person's gaps that are not filled, oldest first."""
        with self._database.read() as connection:
            return [
                Gap(user_id, from_ms(row.starts_at_ms), from_ms(row.ends_at_ms), from_ms(row.found_at_ms))
                for row in connection.execute(query("open_gaps"), {"user": user_id})
            ]

    def imported(self, user_id: str, digest: str, options: str) -> tuple[int, dict[str, int]] | None:
        """Rows and fates of an earlier import of the same bytes with the same options; None if there was none."""
        values = {"user": user_id, "digest": digest, "options": options}
        with self._database.read() as connection:
            row = connection.execute(query("imported_file"), values).first()
        return None if row is None else (row.rows_read, json.loads(row.fates))

    def remember(
        self, user_id: str, digest: str, options: str, rows_read: int, fates: Mapping[str, int], *, now: datetime
    ) -> None:
        """Note that an export is in as a whole."""
        values = {"user": user_id, "digest": digest, "options": options, "rows": rows_read, "at": to_ms(now)}
        with self._database.write() as connection:
            connection.execute(query("record_imported_file"), values | {"fates": json.dumps(dict(fates))})

"""What an import asks of SQL: a person's stored listens, known names, waiting plays, gaps, and what was imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text

from mood_core.domain.records import Gap, from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.keys import keys_of

_CHUNK = 50_000
_EXTENDED = "(SELECT source_key FROM sources WHERE source = 'extended_history')"
_USER = "(SELECT user_key FROM users WHERE user_id = :user)"


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
        query = (
            "SELECT track_key, played_at_ms, ms_played FROM listens"  # noqa: S608
            f" WHERE user_key = {_USER} AND source_key = {_EXTENDED}"
        )
        with self._database.read() as connection:
            rows = connection.execution_options(yield_per=_CHUNK).execute(text(query), {"user": user_id})
            for part in rows.partitions(_CHUNK):
                yield [tuple(row) for row in part]

    def listens_but_extended(self, user_id: str) -> list[tuple[str, int, int | None, str]]:
        """A person's polled listens and those from account data: (track id, played_at [ms], ms_played, source)."""
        query = (
            "SELECT t.track_id, l.played_at_ms, l.ms_played, s.source FROM listens AS l"  # noqa: S608
            " INNER JOIN tracks AS t ON t.track_key = l.track_key"
            " INNER JOIN sources AS s ON s.source_key = l.source_key"
            f" WHERE l.user_key = {_USER} AND s.source <> 'extended_history'"
            " ORDER BY l.played_at_ms, t.track_id"
        )
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query), {"user": user_id})]

    def track_names(self) -> Iterator[tuple[str, str, str]]:
        """(track id, title, artists) of every described track, in the order of their ids."""
        query = text("SELECT track_id, name, artists FROM tracks WHERE name <> '' AND kind = 'track' ORDER BY track_id")
        with self._database.read() as connection:
            for row in connection.execution_options(yield_per=_CHUNK).execute(query):
                yield row.track_id, row.name, row.artists

    def waiting(self, user_id: str | None = None) -> list[tuple[str, int, str, str, int | None]]:
        """(user id, end [ms], artist, title, ms_played) of the plays whose track is not known yet."""
        whose = "" if user_id is None else f" AND p.user_key = {_USER}"
        query = (
            "SELECT u.user_id, p.ended_at_ms, p.artist, p.title, p.ms_played FROM named_plays AS p"  # noqa: S608
            f" INNER JOIN users AS u ON u.user_key = p.user_key WHERE p.track_key IS NULL{whose}"
            " ORDER BY u.user_id, p.ended_at_ms, p.artist, p.title, coalesce(p.ms_played, -1)"
        )
        with self._database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query), {"user": user_id} if user_id else {})]

    def names_matched_until(self) -> datetime | None:
        """Until when the names that came were held against the waiting plays; None before the first time."""
        with self._database.read() as connection:
            until = connection.scalar(text("SELECT until_ms FROM done_until WHERE step = 'match names'"))
        return None if until is None else from_ms(until)

    def names_matched(self, until: datetime) -> None:
        """Note that every name that came before ``until`` was held against the waiting plays."""
        statement = text(
            "INSERT INTO done_until (step, until_ms) VALUES ('match names', :until)"
            " ON CONFLICT (step) DO UPDATE SET until_ms = excluded.until_ms"
        )
        with self._database.write() as connection:
            connection.execute(statement, {"until": to_ms(until)})

    def named(self, user_id: str) -> set[tuple[int, str, str, int | None]]:
        """(end [ms], artist, title, ms_played) of every play that was ever kept by name."""
        query = f"SELECT ended_at_ms, artist, title, ms_played FROM named_plays WHERE user_key = {_USER}"  # noqa: S608
        with self._database.read() as connection:
            return {tuple(row) for row in connection.execute(text(query), {"user": user_id})}

    def open_gaps(self, user_id: str) -> list[Gap]:
        """A person's gaps that are not filled, oldest first."""
        query = (
            "SELECT starts_at_ms, ends_at_ms, found_at_ms FROM gaps"  # noqa: S608
            f" WHERE filled_at_ms IS NULL AND user_key = {_USER} ORDER BY starts_at_ms"
        )
        with self._database.read() as connection:
            return [
                Gap(user_id, from_ms(row.starts_at_ms), from_ms(row.ends_at_ms), from_ms(row.found_at_ms))
                for row in connection.execute(text(query), {"user": user_id})
            ]

    def imported(self, user_id: str, digest: str, options: str) -> tuple[int, dict[str, int]] | None:
        """Rows and fates of an earlier import of the same bytes with the same options; None if there was none."""
        query = (
            "SELECT rows_read, fates FROM imported_files"  # noqa: S608
            f" WHERE digest = :digest AND options = :options AND user_key = {_USER}"
        )
        with self._database.read() as connection:
            row = connection.execute(text(query), {"user": user_id, "digest": digest, "options": options}).first()
        return None if row is None else (row.rows_read, json.loads(row.fates))

    def remember(
        self, user_id: str, digest: str, options: str, rows_read: int, fates: Mapping[str, int], *, now: datetime
    ) -> None:
        """Note that an export is in as a whole."""
        statement = (
            "INSERT INTO imported_files (user_key, digest, options, rows_read, fates, imported_at_ms)"
            " SELECT user_key, :digest, :options, :rows, :fates, :at FROM users WHERE user_id = :user"
            " ON CONFLICT (user_key, digest, options) DO NOTHING"
        )
        values = {"user": user_id, "digest": digest, "options": options, "rows": rows_read, "at": to_ms(now)}
        with self._database.write() as connection:
            connection.execute(text(statement), values | {"fates": json.dumps(dict(fates))})

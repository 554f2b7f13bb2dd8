"""The imports that can be taken back, and the removal of their rows from SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from mood_core.domain.records import from_ms, to_ms
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.daily import recount_people
from mood_core.store.loading.key_cache import invalidate_keys
from mood_core.store.loading.keys import keys_of, raw_rows
from mood_core.store.loading.stale_totals import mark_stale
from mood_core.store.loading.totals import drop_unheard, recount_stale


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """An import of ``user_id``. Its batches are from ``first`` to before ``until``, None if it was interrupted."""

    import_id: str
    user_id: str
    first: datetime
    until: datetime | None


@dataclass(slots=True)
class PersonalRows:
    """Rows of one person: listens (played_at [ms], track id), plays by name as stored, and starts of gaps [ms]."""

    listens: list[tuple[int, str]] = field(default_factory=list)
    named: set[tuple[int, str, str, int | None]] = field(default_factory=set)
    gaps: list[int] = field(default_factory=list)


class ImportRecords:
    """The imports in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, user_id: str, digest: str, options: str, *, first: datetime) -> tuple[str, bool]:
        """Record that an import begins; returns its id, and whether it continues an interrupted one of these files."""
        values = {"user": user_id, "digest": digest, "options": options}
        if found := self._database.rows(query("interrupted_import"), values):
            return str(found[0].import_id), True
        import_id = sha256(f"{values}{to_ms(first)}".encode()).hexdigest()[:8]
        self._database.run(query("begin_import"), values | {"id": import_id, "first": to_ms(first)})
        return import_id, False

    def complete(self, import_id: str, rows_read: int, outcomes: Mapping[str, int], *, until: datetime) -> None:
        """Record that an import is complete; its batches are older than ``until``."""
        values = {"id": import_id, "until": to_ms(until), "rows": rows_read, "outcomes": json.dumps(dict(outcomes))}
        self._database.run(query("complete_import"), values)

    def discard(self, import_id: str) -> None:
        """Delete the record of an import that stored nothing."""
        self._database.run(query("remove_import"), {"id": import_id})

    def find(self, import_id: str) -> ImportRecord | None:
        """The import with that id, or None."""
        for row in self._database.rows(query("import_by_id"), {"id": import_id}):
            until = None if row.last_batch_ms is None else from_ms(row.last_batch_ms)
            return ImportRecord(import_id, row.user_id, from_ms(row.first_batch_ms), until)
        return None

    def all(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """All imports, or those of a person, newest first. Without rows and outcomes if they are not recorded."""
        options = () if user_id is None else ("user",)
        return [
            {
                "import_id": row.import_id,
                "user_id": row.user_id,
                "display_name": row.display_name,
                "imported_at": from_ms(row.first_batch_ms).isoformat(),
                "is_complete": row.last_batch_ms is not None,
                "rows_read": row.rows_read,
                "outcomes": row.outcomes and json.loads(row.outcomes),
            }
            for row in self._database.rows(query("imports", *options), {"user": user_id})
        ]

    def limits(self) -> list[datetime]:
        """The times of the first batch of each import and of the end of its batches, in chronological order."""
        return [from_ms(row.at_ms) for row in self._database.rows(query("limits_of_imports"))]

    def paths_since(self, dataset: str, since: datetime) -> list[tuple[str, datetime]]:
        """(path, time) of the batches of ``dataset`` that were made at ``since`` or later, newest first."""
        rows = self._database.rows(query("paths_since"), {"dataset": dataset, "since": to_ms(since)})
        return [(row.path, from_ms(row.created_at_ms)) for row in rows]

    def remove_rows(self, user_id: str, rows: PersonalRows) -> None:
        """Delete ``rows`` in one transaction, and update what is counted from them.

        Raises:
            StoreError: The database fails; nothing is changed then.
        """
        with self._database.write(durable=True) as connection:
            invalidate_keys(connection)
            keys = keys_of(connection, "tracks", sorted({track_id for _, track_id in rows.listens}))
            user = keys_of(connection, "users", [user_id])[user_id]
            for statement, values in _removals(user, rows, keys):
                if values:
                    connection.execute(query(statement), values)
            recount_people(connection, [user])
            drop_unheard(connection, sorted(keys.values()))
            mark_stale(connection, "an import was taken back")
            recount_stale(connection)

    def forget(self, record: ImportRecord) -> None:
        """Delete the record of an import that was taken back, and what is known of the person's imported files."""
        self._database.run(query("remove_imported_files"), {"user": record.user_id})
        self.discard(record.import_id)


_OF_PERSON = {"listens": "listens_of_person", "named_plays": "named_plays_of_person"}


def keys_of_person(connection: Connection, dataset: str, user_id: str) -> list[tuple[Any, ...]]:
    """The natural keys, without the person, of a person's rows of listens or plays by name."""
    return raw_rows(connection.execute(query(_OF_PERSON[dataset]), {"user": user_id}))


def _removals(user: int, rows: PersonalRows, keys: dict[str, int]) -> Sequence[tuple[str, list[dict[str, Any]]]]:
    listens = [{"user": user, "at": at, "track": keys[track]} for at, track in rows.listens if track in keys]
    named = [
        {"user": user, "at": at, "artist": artist, "title": title, "ms": -1 if ms is None else ms}
        for at, artist, title, ms in rows.named
    ]
    gaps = [{"user": user, "at": at} for at in rows.gaps]
    return ("remove_listen", listens), ("remove_named_play", named), ("reopen_gap", gaps)

"""Deletes a person from SQL: first the token and leases of the account, so that no run pulls it, then all rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, inspect

from mood_core.domain.records import to_ms
from mood_core.domain.track_names import plain_artist, plain_title
from mood_core.errors import StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.tables import tables_about_people
from mood_core.store.loading.key_cache import invalidate_keys
from mood_core.store.loading.stale_totals import mark_stale
from mood_core.store.loading.tombstones import BEING_FORGOTTEN, begin_to_forget
from mood_core.store.loading.totals import drop_unheard
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live
from mood_core.store.queries.resolution_rows import looked_up, names_of_tracks

_LEASE = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)


class PersonErasure:
    """The rows of people to be forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log_is_used = False

    def begin(self, user_id: str, owner: str, *, now: datetime) -> None:
        """Pause the account permanently and delete its token.

        Raises:
            StoreBusy: A run is pulling the account.
        """
        times = {"now": to_ms(now), "latest": to_ms(now + _LEASE + _CLOCKS_DIFFER)}
        with self._database.write(durable=True) as connection:
            holder = connection.scalar(query("lease_holder"), {"id": user_id, **times})
            if holder and may_live(holder):
                raise StoreBusy(f"account {user_id} is being pulled at this moment; try again in a minute")
            values = {"id": user_id, "reason": BEING_FORGOTTEN, "owner": owner, "until": to_ms(now + _LEASE)}
            connection.execute(query("begin_forgetting"), values)
            begin_to_forget(connection, [user_id])

    def local_files(self, user_id: str) -> set[str]:
        """The ids of the local files that the person played."""
        return set(self._database.scalars(query("local_files"), {"id": user_id}))

    def of_nobody_else(self, user_id: str, track_ids: Collection[str]) -> set[str]:
        """Those of ``track_ids`` without a listen, a play or an answer of another person."""
        others = query("tracks_of_others")
        values = {"id": user_id, "ids": sorted(track_ids)}
        return set(track_ids).difference(self._database.scalars(others, values) if track_ids else ())

    def own_names(self, user_id: str, pending: Collection[tuple[str, str]] = ()) -> set[tuple[str, str]]:
        """The normalised (artist, title) of this person's plays alone that were looked up and that no stored track has.

        Names whose results no batch has yet are ``pending``. The plays of others and the names of tracks are read only
        if there is such a name.
        """
        with self._database.read() as connection:
            own = _plain_names(connection.execute(query("names_of_person"), {"id": user_id}))
            own &= looked_up(connection, {artist for artist, _ in own}) | set(pending)
            if own:
                own -= _plain_names(connection.execute(query("names_of_others"), {"ids": [user_id]}))
            return own - names_of_tracks(connection, own)

    def end(self, user_id: str, local_files: Sequence[str], names: Collection[tuple[str, str]] = ()) -> tuple[int, int]:
        """Delete all rows of the person and of their ``local_files`` in one transaction.

        A local file with listens of another person stays. Of ``names``, the answers of resolvers that did not find them
        are deleted. Returns the numbers of deleted listens and files.
        """
        listens, lost = 0, self._keys_of_nobody()
        with self._database.write(durable=True) as connection:
            invalidate_keys(connection)
            of_whom = {"id": user_id, "ids": lost["listens"]}
            tracks = list(connection.scalars(query("tracks_to_check"), of_whom))
            # The table of people comes last, because the other tables refer to it.
            for table in sorted(tables_about_people(connection), key="users".__eq__):
                deleted = connection.execute(query("delete_rows_of_person", table=table), {"id": user_id})
                listens = deleted.rowcount if table == "listens" else listens
                _drop_rows_of_nobody(connection, table, lost.get(table, []))
            drop_unheard(connection, tracks)
            files = _drop_tracks(connection, local_files)
            if names:
                values = [{"artist": artist, "title": title} for artist, title in names]
                connection.execute(query("remove_unknown_names"), values)
            _drop_stubs(connection, tracks)
        self._empty_log()
        return listens, files

    def _keys_of_nobody(self) -> dict[str, list[int]]:
        """By table, the keys of people who are not stored. Read before the transaction, which blocks other writers."""
        with self._database.read() as connection:
            inspector, found = inspect(connection), dict[str, list[int]]()
            for table in tables_about_people(connection):
                is_sorted = list(inspector.get_pk_constraint(table)["constrained_columns"])[:1] == ["user_key"]
                statement = query("keys_of_nobody" if is_sorted else "all_keys_of_nobody", table=table)
                found[table] = [] if table == "users" else list(connection.scalars(statement))
        return found

    @property
    def left(self) -> tuple[str, ...]:
        """The file that may still contain deleted rows, because another program reads from it; usually none."""
        return (f"{self._database.file}-wal",) if self._log_is_used else ()

    def _empty_log(self) -> None:
        """On SQLite, empty the write-ahead log, which still contains the deleted rows."""
        if self._database.dialect == "sqlite":
            with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                busy, _, _ = connection.execute(query("empty_log")).one()
            self._log_is_used = bool(busy)


def _plain_names(rows: Iterable[Row[Any]]) -> set[tuple[str, str]]:
    return {(plain_artist(row.artist), plain_title(row.title)) for row in rows}


def _drop_rows_of_nobody(connection: Connection, table: str, keys: list[int]) -> None:
    """Delete rows whose person is not stored: they may be the forgotten person's. A rebuild restores other people's."""
    if keys:
        connection.execute(query("delete_rows_of_keys", table=table), {"ids": keys})
        mark_stale(connection, "rows of nobody were deleted")


def _drop_tracks(connection: Connection, track_ids: Sequence[str]) -> int:
    """Delete the tracks of ``track_ids`` that no person's row refers to, with their features and labels."""
    keys = list(connection.scalars(query("unused_tracks"), {"ids": track_ids})) if track_ids else []
    tables = ("moods", "feature_misses", "audio_features", "estimated_features", "_heard_tracks", "tracks")
    for table in tables if keys else ():
        connection.execute(query("delete_rows_of_tracks", table=table), {"ids": keys})
    return len(keys)


def _drop_stubs(connection: Connection, track_keys: Sequence[int]) -> None:
    """Delete the tracks of ``track_keys`` without a description that no row refers to: they came with the listens."""
    undescribed = list(connection.scalars(query("undescribed_tracks"), {"ids": track_keys}))
    if undescribed:
        connection.execute(query("remove_unused_tracks"), {"ids": undescribed})

"""Takes a person out of SQL: first their account, so that nobody pulls it any more, and everything else at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, inspect, text

from mood_core.domain.records import to_ms
from mood_core.errors import StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.key_cache import invalidate_keys
from mood_core.store.loading.stale_totals import mark_stale
from mood_core.store.loading.totals import drop_unheard
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live
from mood_core.store.queries.tombstones import BEING_FORGOTTEN

LOCAL_FILE = "spotify:local:"
"""How the id of a person's own file begins."""

_LEASE = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)
_NOBODYS = "user_key NOT IN (SELECT user_key FROM users)"
_THEIRS = "user_key = (SELECT user_key FROM users WHERE user_id = :id)"


class PersonErasure:
    """The rows of people who want to be forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log_is_used = False

    def begin(self, user_id: str, owner: str, *, now: datetime) -> None:
        """Take the account out of all pulling and drop its token.

        Raises:
            StoreBusy: A living run is pulling the account.
        """
        times = {"now": to_ms(now), "latest": to_ms(now + _LEASE + _CLOCKS_DIFFER)}
        with self._database.write(durable=True) as connection:
            holder = connection.scalar(query("lease_holder"), {"id": user_id, **times})
            if holder and may_live(holder):
                raise StoreBusy(f"account {user_id} is being pulled at this moment; try again in a minute")
            values = {"id": user_id, "reason": BEING_FORGOTTEN, "owner": owner, "until": to_ms(now + _LEASE)}
            connection.execute(query("begin_forgetting"), values)

    def names(self, user_id: str) -> set[str]:
        """What the person is called."""
        with self._database.read() as connection:
            return set(connection.scalars(query("display_name"), {"id": user_id}))

    def local_files(self, user_id: str) -> set[str]:
        """The ids of the local files that the person heard."""
        with self._database.read() as connection:
            return set(connection.scalars(query("local_files"), {"id": user_id}))

    def end(self, user_id: str, local_files: Sequence[str]) -> tuple[int, int]:
        """Delete every row of the person, and all that is known of their own ``local_files``, in one transaction.

        A local file that somebody else's listens tell of stays. Returns how many listens and how many files went.
        """
        listens = 0
        with self._database.write(durable=True) as connection:
            invalidate_keys(connection)
            tracks = list(connection.scalars(query("tracks_to_check"), {"id": user_id}))
            for table in _tables(connection):
                gone = connection.execute(text(f"DELETE FROM {table} WHERE {_THEIRS}"), {"id": user_id})  # noqa: S608
                listens = gone.rowcount if table == "listens" else listens
                _drop_rows_of_nobody(connection, table)
            drop_unheard(connection, tracks)
            files = _drop_tracks(connection, local_files)
            _drop_stubs(connection, tracks)
        self._let_go()
        return listens, files

    @property
    def left(self) -> tuple[str, ...]:
        """The file that may still hold what was deleted, because another program reads from it; usually none."""
        return (f"{self._database.file}-wal",) if self._log_is_used else ()

    def _let_go(self) -> None:
        """On SQLite, move everything out of the log beside the file, which still holds what was deleted."""
        if self._database.dialect == "sqlite":
            with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            self._log_is_used = bool(busy)


def _drop_rows_of_nobody(connection: Connection, table: str) -> None:
    """Delete rows whose person the table ``users`` does not know: they may be theirs; a rebuild brings others' back."""
    if table != "users":
        gone = connection.execute(text(f"DELETE FROM {table} WHERE {_NOBODYS}"))  # noqa: S608
        if gone.rowcount:
            mark_stale(connection, "rows of nobody were deleted")


def _drop_tracks(connection: Connection, track_ids: Sequence[str]) -> int:
    """Delete those of ``track_ids`` that nobody's rows refer to, with all that is known of them."""
    if not track_ids:
        return 0
    keys = list(connection.scalars(query("unused_tracks"), {"ids": track_ids}))
    for table in ("moods", "feature_misses", "audio_features", "heard_tracks", "tracks"):
        for key in keys:
            connection.execute(text(f"DELETE FROM {table} WHERE track_key = :key"), {"key": key})  # noqa: S608
    return len(keys)


def _drop_stubs(connection: Connection, track_keys: Sequence[int]) -> None:
    """Delete those of ``track_keys`` that nobody has described and nothing refers to: they came with the listens."""
    undescribed = list(connection.scalars(query("undescribed_tracks"), {"ids": track_keys}))
    if undescribed:
        connection.execute(query("remove_unused_tracks"), {"ids": undescribed})


def _tables(connection: Connection) -> list[str]:
    """Every table that knows people by their key, so that none added later is forgotten; the people themselves last."""
    found = inspect(connection)
    names = [name for name in found.get_table_names() if "user_key" in {c["name"] for c in found.get_columns(name)}]
    return sorted(names, key=lambda name: (name == "users", name))

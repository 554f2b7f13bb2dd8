"""Takes a person out of SQL: first their account, so that nobody pulls it any more, and everything else at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, inspect, text

from mood_core.domain.records import to_ms
from mood_core.errors import StoreBusy
from mood_core.store.engine.database import Database
from mood_core.store.loading.key_cache import keys_go
from mood_core.store.loading.keys import among
from mood_core.store.loading.stale_totals import mark_stale
from mood_core.store.loading.totals import drop_unheard
from mood_core.store.locks.leases import CLOCKS_DIFFER_S, may_live
from mood_core.store.queries.tombstones import BEING_FORGOTTEN

LOCAL_FILE = "spotify:local:"
"""How the id of a person's own file begins."""

_LEASE = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(seconds=CLOCKS_DIFFER_S)
_NOBODYS = "user_key NOT IN (SELECT user_key FROM users)"
_KEY = "user_key = (SELECT user_key FROM users WHERE user_id = :id)"


class Forgetting:
    """The rows of people who want to be forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log_is_used = False

    def begin(self, user_id: str, owner: str, *, now: datetime) -> None:
        """Take the account out of all pulling and drop its token.

        Raises:
            StoreBusy: A living run is pulling the account.
        """
        held = text(
            f"SELECT claimed_by FROM accounts WHERE {_KEY} AND claimed_until_ms BETWEEN :now AND :latest"  # noqa: S608
        )
        times = {"now": to_ms(now), "latest": to_ms(now + _LEASE + _CLOCKS_DIFFER)}
        stop = text(
            "UPDATE accounts SET state = 'paused', state_reason = :reason, token = NULL,"  # noqa: S608
            f" token_version = token_version + 1, claimed_by = :owner, claimed_until_ms = :until WHERE {_KEY}"
        )
        with self._database.write(durable=True) as connection:
            holder = connection.scalar(held, {"id": user_id, **times})
            if holder and may_live(holder):
                raise StoreBusy(f"account {user_id} is being pulled at this moment; try again in a minute")
            until = to_ms(now + _LEASE)
            connection.execute(stop, {"id": user_id, "reason": BEING_FORGOTTEN, "owner": owner, "until": until})

    def names(self, user_id: str) -> set[str]:
        """What the person is called."""
        query = text("SELECT display_name FROM users WHERE user_id = :id AND display_name IS NOT NULL")
        with self._database.read() as connection:
            return set(connection.scalars(query, {"id": user_id}))

    def local_files(self, user_id: str) -> set[str]:
        """The ids of the local files that the person heard."""
        query = text(
            "SELECT DISTINCT t.track_id FROM listens AS l INNER JOIN tracks AS t ON t.track_key = l.track_key"  # noqa: S608
            f" WHERE l.{_KEY} AND t.track_id LIKE '{LOCAL_FILE}%'"
        )
        with self._database.read() as connection:
            return set(connection.scalars(query, {"id": user_id}))

    def end(self, user_id: str, local_files: Sequence[str]) -> tuple[int, int]:
        """Delete every row of the person, and all that is known of their own ``local_files``, in one transaction.

        A local file that somebody else's listens tell of stays. Returns how many listens and how many files went.
        """
        listens = 0
        with self._database.write(durable=True) as connection:
            keys_go(connection)
            heard = text(
                f"SELECT track_key FROM listens WHERE {_KEY} UNION SELECT track_key FROM listens WHERE {_NOBODYS}"  # noqa: S608
            )
            tracks = list(connection.scalars(heard, {"id": user_id}))
            for table in _tables(connection):
                gone = connection.execute(text(f"DELETE FROM {table} WHERE {_KEY}"), {"id": user_id})  # noqa: S608
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
    condition, ids = among(connection, "t.track_id", track_ids)
    free = "".join(
        f" AND NOT EXISTS (SELECT 1 FROM {table} AS p WHERE p.track_key = t.track_key)"  # noqa: S608
        for table in ("listens", "named_plays")
    )
    query = text(f"SELECT t.track_key FROM tracks AS t WHERE {condition}{free}")  # noqa: S608
    keys = list(connection.scalars(query, {"ids": ids}))
    for table in ("moods", "feature_misses", "audio_features", "heard_tracks", "tracks"):
        for key in keys:
            connection.execute(text(f"DELETE FROM {table} WHERE track_key = :key"), {"key": key})  # noqa: S608
    return len(keys)


def _drop_stubs(connection: Connection, track_keys: Sequence[int]) -> None:
    """Delete those of ``track_keys`` that nobody has described and nothing refers to: they came with the listens."""
    condition, ids = among(connection, "track_key", track_keys)
    stubs = f"{condition} AND name = '' AND artists = ''"
    if connection.scalar(text(f"SELECT 1 FROM tracks WHERE {stubs} LIMIT 1"), {"ids": ids}) is None:  # noqa: S608
        return
    referring = ("listens", "named_plays", "audio_features", "feature_misses", "moods")
    refers = "SELECT track_key FROM {} WHERE track_key IS NOT NULL"
    free = "".join(f" AND track_key NOT IN ({refers.format(table)})" for table in referring)
    connection.execute(text(f"DELETE FROM tracks WHERE {stubs}{free}"), {"ids": ids})  # noqa: S608


def _tables(connection: Connection) -> list[str]:
    """Every table that knows people by their key, so that none added later is forgotten; the people themselves last."""
    found = inspect(connection)
    names = [name for name in found.get_table_names() if "user_key" in {c["name"] for c in found.get_columns(name)}]
    return sorted(names, key=lambda name: (name == "users", name))

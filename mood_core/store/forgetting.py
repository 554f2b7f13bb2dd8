"""Takes a person out of SQL: first their account, so that nobody pulls it any more, and everything else at the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, inspect, text

from mood_core.errors import StoreBusy
from mood_core.records import to_ms
from mood_core.store.claims import may_live
from mood_core.store.database import Database

_LEASE = timedelta(hours=1)
_KEY = "user_key = (SELECT user_key FROM users WHERE user_id = :id)"


class Forgetting:
    """The rows of people who want to be forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, user_id: str, owner: str, *, now: datetime) -> None:
        """Take the account out of all pulling and drop its token.

        Raises:
            StoreBusy: A living run is pulling the account.
        """
        held = text(f"SELECT claimed_by, claimed_until_ms FROM accounts WHERE {_KEY}")  # noqa: S608
        stop = text(
            "UPDATE accounts SET state = 'paused', state_reason = 'is being forgotten', token = NULL,"  # noqa: S608
            f" token_version = token_version + 1, claimed_by = :owner, claimed_until_ms = :until WHERE {_KEY}"
        )
        with self._database.write(durable=True) as connection:
            row = connection.execute(held, {"id": user_id}).first()
            if row and row.claimed_by and row.claimed_until_ms >= to_ms(now) and may_live(row.claimed_by):
                raise StoreBusy(f"account {user_id} is being pulled at this moment; try again in a minute")
            connection.execute(stop, {"id": user_id, "owner": owner, "until": to_ms(now + _LEASE)})

    def end(self, user_id: str) -> int:
        """Delete every row of the person in one transaction; returns how many listens went."""
        listens = 0
        with self._database.write(durable=True) as connection:
            if self._database.dialect == "sqlite":
                # Deleted rows are overwritten with zeros instead of lying in the file until it is reused.
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            for table in _tables(connection):
                gone = connection.execute(text(f"DELETE FROM {table} WHERE {_KEY}"), {"id": user_id})  # noqa: S608
                listens = gone.rowcount if table == "listens" else listens
        return listens


def _tables(connection: Connection) -> list[str]:
    """Every table that knows people by their key, so that none added later is forgotten; the people themselves last."""
    found = inspect(connection)
    names = [name for name in found.get_table_names() if "user_key" in {c["name"] for c in found.get_columns(name)}]
    return sorted(names, key=lambda name: (name == "users", name))

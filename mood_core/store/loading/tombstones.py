"""Tombstones of forgotten people, so that no file, import or late run brings their rows back.

A person is identified by an HMAC of their id. Its key is random, one per installation, and is stored with the hashes in
SQL and in the lake. So a tombstone contains no name and cannot be compared with those of another installation. A person
with the database and an id can find out whether the id was forgotten here.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.times import with_times

BEING_FORGOTTEN = "is being forgotten"
"""Why an account is paused, from the time at which a run begins to forget its person."""

_LOCK = 0x70656F70  # "peop": on PostgreSQL, writers of people's rows share it, and forgetting holds it exclusively


@dataclass(frozen=True, slots=True)
class Tombstone:
    """When a person was forgotten and, after a new consent, when the tombstone was lifted."""

    person_hash: str
    hash_key: str
    forgotten_at: datetime
    lifted_at: datetime | None

    @property
    def in_force(self) -> bool:
        """Whether no row of the person may be stored."""
        return self.lifted_at is None or self.lifted_at <= self.forgotten_at

    def keeps_out(self, created_at: datetime) -> bool:
        """Whether rows of a batch of ``created_at`` are from before the person's new consent."""
        return self.in_force or self.lifted_at is None or created_at < self.lifted_at


@lru_cache(maxsize=100_000)
def person_hash(user_id: str, hash_key: str) -> str:
    """The keyed hash of ``user_id``: 64 hex digits."""
    return hmac.digest(hash_key.encode(), user_id.encode(errors="surrogatepass"), "sha256").hex()


def tombstones_of(connection: Connection, user_ids: Iterable[str]) -> dict[str, Tombstone]:
    """The tombstones of ``user_ids``, also lifted ones, by user id."""
    found: dict[str, Tombstone] = {}
    ids = list(user_ids)
    for key in hash_keys(connection) if ids else ():
        of_hash = {person_hash(user_id, key): user_id for user_id in ids}
        for row in connection.execute(query("tombstones_of"), {"ids": list(of_hash)}):
            found[of_hash[row.person_hash]] = Tombstone(**with_times(row))
    return found


def tombstone_of(database: Database, user_id: str) -> Tombstone | None:
    """The tombstone of ``user_id``, even a lifted one; None for a person who was never forgotten."""
    with database.read() as connection:
        return tombstones_of(connection, [user_id]).get(user_id)


def newest_forgetting(connection: Connection) -> int:
    """When a person was forgotten last, ms; 0 without tombstones."""
    return connection.scalar(query("newest_forgetting")) or 0


def half_forgotten(database: Database, *, everywhere: bool = False) -> list[str]:
    """The ids of people who are only partly forgotten, because a run was killed.

    With ``everywhere``, everybody is compared with the tombstones.
    """
    with database.read() as connection:
        return half_forgotten_in(connection, everywhere=everywhere)


def half_forgotten_in(connection: Connection, *, everywhere: bool = False) -> list[str]:
    """:func:`half_forgotten`, as the transaction of ``connection`` sees it.

    A run records whom it begins to forget, so that the others are read only after their tombstones were loaded from
    the lake: those of a rebuild, or of a database from a backup.
    """
    found = set(connection.scalars(query("people_to_forget")))
    if everywhere or connection.scalar(query("may_others_be_forgotten")):
        found |= set(connection.scalars(query("paused_for"), {"reason": BEING_FORGOTTEN}))
        ids = list(connection.scalars(query("every_person"))) if hash_keys(connection) else []
        found |= {user_id for user_id, stone in tombstones_of(connection, ids).items() if stone.in_force}
    return sorted(found)


def find_half_forgotten(database: Database, *, everywhere: bool = False) -> list[str]:
    """:func:`half_forgotten`, which also records them, so that no later run compares everybody again."""
    with database.read() as connection:
        if not everywhere and not connection.scalar(query("may_others_be_forgotten")):
            return half_forgotten_in(connection)
    with database.write() as connection:
        found = half_forgotten_in(connection, everywhere=True)
        begin_to_forget(connection, found)
        connection.execute(query("all_people_to_forget_found"))
    return found


def begin_to_forget(connection: Connection, user_ids: Collection[str]) -> None:
    """Record that these people are being forgotten."""
    if user_ids:
        connection.execute(query("add_person_to_forget"), [{"id": user_id} for user_id in user_ids])


def tombstones_loaded(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Let the next run compare everybody, if one of the loaded tombstones is of nobody whom a run began to forget."""
    hashes = {stone.person_hash for stone in (Tombstone(**row) for row in rows) if stone.in_force}
    begun = tombstones_of(connection, connection.scalars(query("people_to_forget")))
    if not {stone.person_hash for stone in begun.values()}.issuperset(hashes):
        connection.execute(query("look_for_people_to_forget"))


def all_people(database: Database) -> list[str]:
    """The ids of all people in SQL."""
    return database.scalars(query("every_person"))


def kept_out(database: Database, written: Collection[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    """The entries of ``written``, by person and time, that a tombstone of the person keeps out."""
    with database.read() as connection:
        found = tombstones_of(connection, {user_id for user_id, _ in written})
    return {(user_id, at) for user_id, at in written if user_id in found and found[user_id].keeps_out(at)}


def lock_people(connection: Connection, *, alone: bool = False) -> None:
    """Block forgetting until the end of the transaction; ``alone``: block writers of people's rows too."""
    if connection.dialect.name == "postgresql":
        connection.execute(query("lock_transaction" if alone else "lock_people"), {"key": _LOCK})


def hash_keys(source: Database | Connection) -> list[str]:
    """The keys by which the ids of people are hashed, in order."""
    return list(source.scalars(query("hash_keys")))

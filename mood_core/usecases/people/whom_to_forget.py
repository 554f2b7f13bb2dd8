"""Finds the person to forget, who may be in SQL, or only in the lake, or forgotten already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from mood_core.errors import InputError
from mood_core.lake import Lake
from mood_core.lake.schema import PERSONAL, USERS
from mood_core.store.engine.database import Database
from mood_core.store.loading.tombstones import tombstone_of
from mood_core.store.queries.accounts import Accounts
from mood_core.text.names import local_id, name_key
from mood_core.usecases.people.manage_users import the_account
from mood_core.usecases.remove_rows import any_forgotten


def whom_to_forget(user: str, lake: Lake, database: Database) -> str:
    """The id of the person ``user`` (an id or a name), who is in SQL, or only in the lake, or was forgotten already.

    Raises:
        InputError: No person, or more than one, has this id or name.
        BatchCorrupt: A file of the lake cannot be read.
    """
    accounts = Accounts(database)
    try:
        return the_account(accounts, user).user_id
    except InputError as error:
        if accounts.all([user]):
            raise
        found = _in_lake(user, lake) or _forgotten(user, database)
        if len(found) == 1:
            return found.pop()
        if not found and any_forgotten(database):
            raise InputError(
                f"{error.message}. People who were forgotten already are known only by their ids"
            ) from None
        raise


def _in_lake(user: str, lake: Lake) -> set[str]:
    """The ids of the people called ``user`` in the lake, including those who have only listens, gaps or plays left."""
    listed = {dataset: lake.current_and_superseded(dataset.name) for dataset in PERSONAL}
    if any(
        user in people for people in lake.each(lake.people, [path for each in listed.values() for path in chain(*each)])
    ):
        return {user}
    paths = list(chain(*listed[USERS]))
    return {user_id for user_id, name in names_in(lake, paths) if name_key(name) == name_key(user)}


def names_in(lake: Lake, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The ids and names in files of the dataset of people."""
    for _, rows in lake.each(lake.read, paths):
        for row in rows.select(["user_id", "display_name"]).to_pylist():
            yield row["user_id"], row["display_name"]


def _forgotten(user: str, database: Database) -> set[str]:
    for user_id in (user, local_id(user)):
        tombstone = tombstone_of(database, user_id)
        if tombstone is not None and tombstone.in_force:
            return {user_id}
    return set()

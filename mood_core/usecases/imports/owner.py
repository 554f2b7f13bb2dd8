"""Finds the person whose history is imported, or creates one; no Spotify account is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from mood_core.domain.records import User
from mood_core.errors import InputError
from mood_core.lake.schema import Dataset
from mood_core.store.engine.database import Database
from mood_core.store.loading.time_zones import zone
from mood_core.store.loading.tombstones import tombstone_of
from mood_core.store.queries.accounts import Accounts
from mood_core.text.names import local_id, name_key
from mood_core.text.sanitise import plain
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.connect_account import register_user
from mood_core.usecases.people.manage_users import checked_name

DEFAULT_NAME = "me"
"""The name of a person who gave none."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The person whose history it is; ``is_new`` if they are not stored yet."""

    user: User
    is_new: bool = False


def find_owner(
    accounts: Accounts, user: str | None, timezone: str | None, machine_zone: Callable[[], str], *, now: datetime
) -> Owner:
    """Return the person ``user`` (an id or a name), or the only one stored, or a new one.

    Raises:
        InputError: Several people match, the name cannot be shown, another name has the same id, or ``timezone`` is
            not an IANA name.
    """
    if timezone is not None:
        zone(timezone)
    known = accounts.page(2) if user is None else accounts.all([user])
    if len(known) > 1:
        which = "there are several people" if user is None else f"several people are called {plain(user)}"
        raise InputError(f"{which}; name the one with --user ID, `moodlog users list` lists the ids")
    name = DEFAULT_NAME if user is None else user
    if not known:
        checked_name(name)
    user_id = local_id(name)
    for account in known or accounts.all([user_id]):
        if (
            not known and user and account.display_name != user_id
        ):  # "A+B" and "A B" have one id; a renamed person keeps the id
            raise InputError(
                f"{user} would have the id {user_id} of {account.display_name}; for that person use --user {user_id},"
                " for another one a name that differs in its letters"
            )
        return Owner(User(account.user_id, account.display_name, account.timezone, account.connected_at))
    zone(timezone or machine_zone())
    return Owner(User(user_id, name, timezone or machine_zone(), now), is_new=True)


def check_not_forgotten(database: Database, owner: Owner, user: str | None) -> None:
    """Check that the person of an import was not forgotten, unless the import names them as ``user``.

    Raises:
        InputError: They were forgotten, or ``user`` is the id of a forgotten person and not a name.
    """
    spellings = (user, name_key(user)) if user and owner.is_new else ()
    by_id = next((found for found in (tombstone_of(database, each) for each in spellings) if found), None)
    if by_id is not None and by_id.in_force:
        raise InputError(
            f"{user} is the id of a person who was forgotten on {by_id.forgotten_at:%Y-%m-%d}; give their name with"
            " --user NAME to store their history again, or run `moodlog connect`"
        )
    tombstone = tombstone_of(database, owner.user.user_id)
    if user is None and tombstone is not None and tombstone.in_force:
        name = owner.user.display_name
        raise InputError(
            f"{name} was forgotten on {tombstone.forgotten_at:%Y-%m-%d}; use --user {name} to store their history again"
        )


class RegisteringBatches:
    """Writes batches. A new person is stored when the writing begins, so that a refused export creates no person."""

    def __init__(self, batches: Callable[[], Batches], owner: Owner, renew: Callable[[], None]) -> None:
        """``batches`` is called when there is something to write; ``renew`` renews the lease of the account."""
        self._batches, self._new, self._renew = batches, owner.user if owner.is_new else None, renew

    def next_time(self, now: datetime) -> datetime:
        """The time of the next batch; the person is stored by then."""
        if self._new is not None:
            register_user(self._new, lambda _: None, self._batches(), now=now)
            self._new = None
        return self._batches().batch_time(now)

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime) -> int:
        """See :meth:`~mood_core.usecases.batches.Batches.add`.

        Raises:
            InputError: The person was forgotten since the import began.
        """
        self._renew()
        added = self._batches().add(dataset, rows, now=now)
        if added < rows.num_rows:
            raise InputError("this person was forgotten during the import; the import stopped")
        return added

"""Changes to people and their accounts: names, time zones, pauses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mood_core.domain.records import Service, User
from mood_core.errors import ConfigError, InputError
from mood_core.store.queries.accounts import Account, Accounts
from mood_core.text.format import is_visible
from mood_core.text.hints import NOBODY, did_you_mean
from mood_core.text.names import name_key
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.usecases.batch_writer import BatchWriter

_LONGEST_NAME = 200
_MOST_COMPARED = 500
"""With so many people, the first by name are compared with an unknown name."""
_LIST = "`moodlog users list` shows them with their ids"


def the_account(accounts: Accounts, user: str) -> Account:
    """The one account called ``user``, by id or name.

    Raises:
        InputError: No account is called so, or several are.
    """
    found = accounts.all([user])
    if len(found) > 1:
        raise InputError(f"several accounts are called {user}; {_LIST}")
    if not found:
        raise _unknown(accounts, user)
    return found[0]


def the_only_account(accounts: Accounts, user: str | None) -> Account:
    """The one account called ``user``, by id or name; without ``user`` the only account there is.

    Raises:
        InputError: There is none, or there are several.
    """
    if user is not None:
        return the_account(accounts, user)
    found = accounts.page(2)
    if len(found) != 1:
        raise InputError(f"there are several accounts; name one; {_LIST}" if found else NOBODY)
    return found[0]


def accounts_called(accounts: Accounts, names: Collection[str]) -> list[Account]:
    """The accounts called one of ``names``, by id or name, ordered by name; all of them where none is given.

    Raises:
        InputError: Somebody named is not known.
    """
    found = accounts.all(list(names) or None)
    known = {account.user_id for account in found} | {name_key(account.display_name) for account in found}
    unknown = sorted(name for name in names if name not in known and name_key(name) not in known)
    if unknown:
        raise _unknown(accounts, ", ".join(unknown))
    return found


def _unknown(accounts: Accounts, called: str) -> InputError:
    people = accounts.page(_MOST_COMPARED)
    similar = did_you_mean(called, {name for one in people for name in (one.display_name, one.user_id)})
    return InputError(f"no account is called {called}; {_LIST if people else NOBODY}{similar and '.'}{similar}")


def the_reader(accounts: Accounts, user: str | None) -> str:
    """The id of the active Spotify account that reads for everybody: the one called ``user``, or the newest consent's.

    Raises:
        ConfigError: No account can be used.
    """
    active = (
        accounts.of_spotify(1)
        if user is None
        else [one.user_id for one in accounts.all([user]) if one.state == "active" and one.service == Service.SPOTIFY]
    )
    if not active:
        raise ConfigError(
            f"no active Spotify account{f' is called {user}' if user else ''}; `moodlog connect` connects one"
        )
    return active[0]


def change_user(
    account: Account,
    batches: BatchWriter,
    *,
    now: datetime,
    display_name: str | None = None,
    timezone: str | None = None,
) -> User:
    """Record a new name or time zone of a person. Their local days follow at once.

    Raises:
        InputError: The name cannot be shown, or the time zone is not an IANA name.
        StoreError: The database or the lake fails.
    """
    from mood_core.lake.arrow_tables import users_table
    from mood_core.lake.schema import USERS
    from mood_core.store.loading.time_zones import zone

    user = User(account.user_id, account.display_name, account.timezone, account.connected_at)
    if display_name is not None:
        user = replace(user, display_name=checked_name(display_name.strip()))
    if timezone is not None:
        zone(timezone)
        user = replace(user, timezone=timezone)
    batches.add(USERS, users_table([user], recorded_at=batches.batch_time(now)), now=now)
    return user


def checked_name(name: str) -> str:
    """``name``, if it can be shown.

    Raises:
        InputError: It has no visible character, is too long, or has control characters.
    """
    if not is_visible(name):
        raise InputError("a name needs at least one visible character")
    if len(name) > _LONGEST_NAME or plain(name) != name:
        raise InputError(f"a name is at most {_LONGEST_NAME} characters without control characters or line breaks")
    return name


def set_paused(account: Account, accounts: Accounts, *, paused: bool) -> None:
    """Stop or go on pulling an account; its history stays.

    Raises:
        InputError: The account waits for consent, or has none.
    """
    if account.state not in ("active", "paused"):
        is_local = account.state == "unconnected"
        problem = "has no connected account, so nothing is pulled" if is_local else "needs re-authorisation"
        remedy = "`moodlog connect` connects one" if is_local else f"run `moodlog reconnect {account.user_id}` first"
        raise InputError(f"{account.display_name} {problem}; {remedy}")
    accounts.set_state(account.user_id, "paused" if paused else "active")

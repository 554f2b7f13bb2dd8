"""What the parameters of a run mean, checked before it does anything. Without Prefect, since commands ask as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mood_core.bootstrap import Workspace
from mood_core.errors import InputError
from mood_core.store.accounts import Account
from mood_core.store.selection import Selection


def selection_of(people: Sequence[str], first_day: date | None, last_day: date | None) -> Selection:
    """The listens that a run's parameters speak of; people are given by id or by name.

    Raises:
        InputError: The days are the wrong way round, or one of ``people`` is not a connected account.
    """
    if first_day and last_day and first_day > last_day:
        raise InputError(f"first_day {first_day} is after last_day {last_day}; swap them")
    if not people:
        return Selection(None, first_day, last_day)
    with Workspace() as workspace:
        return Selection([account.user_id for account in accounts_of(workspace, people)], first_day, last_day)


def accounts_of(workspace: Workspace, people: Sequence[str]) -> list[Account]:
    """The accounts of ``people``, by id or by name; all of them where nobody is named.

    Raises:
        InputError: One of ``people`` is not a connected account.
    """
    accounts = workspace.accounts.all(list(people) or None)
    known = {name for account in accounts for name in (account.user_id, account.display_name)}
    unknown = sorted(set(people) - known)
    if unknown:
        raise InputError(f"no account is connected for {', '.join(unknown)}; `moodlog users list` shows those that are")
    return accounts

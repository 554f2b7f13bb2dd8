"""What the parameters of a run mean, checked before it does anything. Without Prefect, since commands ask as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mood_core.bootstrap import Workspace
from mood_core.errors import InputError
from mood_core.pipeline.manage_users import accounts_called
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
        return Selection(
            [account.user_id for account in accounts_called(workspace.accounts, people)], first_day, last_day
        )

"""What the parameters of a run mean, checked before it does anything. Without Prefect, since commands ask as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mood_core.app.workspace import Workspace
from mood_core.store.queries.selection import Selection, check_days
from mood_core.usecases.people.manage_users import accounts_called


def selection_of(people: Sequence[str], first_day: date | None, last_day: date | None) -> Selection:
    """The listens that a run's parameters speak of; people are given by id or by name.

    Raises:
        InputError: The days are the wrong way round, or nobody is called like one of ``people``.
    """
    check_days(first_day, last_day)
    if not people:
        return Selection(None, first_day, last_day)
    with Workspace() as workspace:
        chosen = accounts_called(workspace.accounts, people)
    return Selection([account.user_id for account in chosen], first_day, last_day)

"""Validates the parameters that select listens. Imports no Prefect: commands use it before Prefect starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mood_core.app.workspace import Workspace
from mood_core.store.queries.selection import Selection, check_days
from mood_core.usecases.people.manage_users import accounts_called


def selection_of(people: Sequence[str], first_day: date | None, last_day: date | None) -> Selection:
    """The selection of the listens of ``people``, by id or name, between two days.

    Raises:
        InputError: The last day is before the first, or one of ``people`` is unknown.
    """
    check_days(first_day, last_day)
    if not people:
        return Selection(None, first_day, last_day)
    with Workspace() as workspace:
        chosen = accounts_called(workspace.accounts, people)
    return Selection([account.user_id for account in chosen], first_day, last_day)

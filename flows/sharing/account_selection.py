"""Selects the accounts that a run pulls, and finds those that it did not pull."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from prefect import task

from flows.options import RETRYING
from mood_core.app.workspace import Workspace
from mood_core.usecases.nightly.pull_account import not_pulled, still_to_pull
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.people.manage_users import accounts_called


@dataclass(frozen=True, slots=True)
class Chosen:
    """The accounts to pull, chosen at the time ``at``, and the number of shards."""

    user_ids: list[str]
    shards: int
    at: datetime


@task(name="choose accounts", **RETRYING)
def choose_accounts(people: Sequence[str], *, due_only: bool) -> Chosen:
    """The active accounts of ``people``, or all active accounts; with ``due_only`` those that are due.

    Raises:
        InputError: One of ``people`` is not a connected account.
    """
    with Workspace() as workspace:
        now = workspace.now()
        if due_only and not people:
            chosen = due_accounts(workspace)
        elif not people:
            chosen = workspace.accounts.active()
        else:
            found = accounts_called(workspace.accounts, people)
            active = [account.user_id for account in found if account.state == "active"]
            chosen = due_accounts(workspace, active) if due_only else active
        return Chosen(chosen, workspace.settings.shards, now)


@task(name="find accounts that were not pulled", **RETRYING)
def unpulled(user_ids: Collection[str], since: datetime) -> list[PullOutcome]:
    """An outcome with a problem for each active account of ``user_ids`` that no run has pulled since ``since``."""
    with Workspace() as workspace:
        return [not_pulled(id_) for id_ in still_to_pull(workspace.accounts, set(user_ids), since, workspace.now())]


def due_accounts(workspace: Workspace, user_ids: list[str] | None = None) -> list[str]:
    """The active accounts, among ``user_ids`` if given, that are due, see :mod:`mood_core.domain.poll_schedule`."""
    budget = workspace.settings.spotify_daily_budget
    return workspace.accounts.due(workspace.now(), daily_budget=budget, user_ids=user_ids)

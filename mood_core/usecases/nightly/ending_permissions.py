"""Permissions that end soon, as Spotify ends each after six months. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mood_core.store.queries.accounts import Account

WARN_DAYS = 30
"""Days before a permission expires from which the summary warns."""

_PERMISSION_DAYS = 180
"""Six months are not shorter."""


@dataclass(frozen=True, slots=True)
class Permission:
    """An account whose permission expires soon: ``days_left`` until then, or None if it has expired."""

    user_id: str
    display_name: str
    days_left: int | None


def may_end_before(now: datetime) -> datetime:
    """Permissions that were given after this time end in more than 30 days."""
    return now - timedelta(days=_PERMISSION_DAYS - WARN_DAYS - 1)


def ending_permissions(accounts: Sequence[Account], days_left: Callable[[datetime], int]) -> list[Permission]:
    """The permissions that expire within 30 days or have expired; ``days_left`` maps the time of consent to days."""
    permissions = []
    for account in accounts:
        if account.state == "needs_reauthorisation":
            permissions.append(Permission(account.user_id, account.display_name, None))
        elif account.state == "active" and account.consented_at and days_left(account.consented_at) <= WARN_DAYS:
            left = days_left(account.consented_at)
            permissions.append(Permission(account.user_id, account.display_name, left))
    return permissions

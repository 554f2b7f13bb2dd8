"""What a healthy moodlog looks like: findings with remedies. Each check stands alone, so one failure hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from mood_core.errors import MoodlogError
from mood_core.pipeline.night_report import WARN_DAYS
from mood_core.store.accounts import Account

_PULLED_WITHIN = timedelta(hours=26)


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and the remedy where there is something to do."""

    what: str
    level: Level
    said: str
    remedy: str = ""


def checked(what: str, check: Callable[[], Finding | list[Finding]]) -> list[Finding]:
    """The findings of ``check``; an error of moodlog's becomes a finding that is broken, with its sentence."""
    try:
        found = check()
    except MoodlogError as error:
        return [Finding(what, Level.BROKEN, error.message)]
    return found if isinstance(found, list) else [found]


def private_file(what: str, path: Path) -> Finding:
    """Whether only its owner can read ``path``."""
    if not path.exists():
        return Finding(what, Level.OK, f"{path} is not made yet")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(what, Level.WARNING, f"others can read {path} (mode {mode:o})", f"chmod go-rwx {path}")
    return Finding(what, Level.OK, f"only you can read {path}")


def account_findings(accounts: list[Account], now: datetime, days_left: Callable[[datetime], int]) -> list[Finding]:
    """One finding for each account: its permission, when it was last pulled, and its last trouble."""
    if not accounts:
        return [Finding("accounts", Level.WARNING, "no account is connected", "moodlog connect")]
    return [_account(account, now, days_left) for account in accounts]


def _account(account: Account, now: datetime, days_left: Callable[[datetime], int]) -> Finding:
    what = f"account {account.display_name}"
    again = f"moodlog reconnect {account.user_id}"
    if account.state == "needs_reauthorisation":
        return Finding(what, Level.BROKEN, f"Spotify's permission has ended: {account.state_reason}", again)
    if account.state != "active" or account.authorised_at is None:
        return Finding(
            what, Level.OK, "paused" if account.state == "paused" else "a history without a connected account"
        )
    left = days_left(account.authorised_at)
    if left <= WARN_DAYS:
        return Finding(what, Level.WARNING, f"Spotify's permission ends in {left} days", again)
    if account.last_problem:
        return Finding(what, Level.WARNING, f"the last pull did not work: {account.last_problem}", "moodlog run")
    pulled = account.last_pulled_at
    if pulled is None or now - pulled > _PULLED_WITHIN:
        return Finding(what, Level.WARNING, "was not pulled in the last day", "moodlog serve, or moodlog run")
    return Finding(what, Level.OK, f"pulled {pulled:%Y-%m-%d %H:%M} UTC, {left} days of permission left")

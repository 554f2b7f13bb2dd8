"""What a run did, in numbers and reasons. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mood_core.errors import ReauthorisationNeeded
from mood_core.features.fetch_report import FetchReport
from mood_core.store.queries.accounts import Account
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.pull_listens import PullOutcome

_TRY_AGAIN_LATER = 75
_NAMED = 3
_INCIDENT_FROM = 3

WARN_DAYS = 30
"""So many days before a permission ends, the summary begins to say so."""


class Verdict(StrEnum):
    """How a run ended. ``DEGRADED``: done, but not all of it; the report's problems say what is missing."""

    COMPLETED = "Completed"
    DEGRADED = "Degraded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Permission:
    """An account whose permission ends soon: ``days_left`` until then, or None where it has ended."""

    user_id: str
    display_name: str
    days_left: int | None


def ending_permissions(accounts: Sequence[Account], days_left: Callable[[datetime], int]) -> list[Permission]:
    """The permissions among ``accounts`` that end within 30 days or have ended; ``days_left`` counts from consent."""
    permissions = []
    for account in accounts:
        if account.state == "needs_reauthorisation":
            permissions.append(Permission(account.user_id, account.display_name, None))
        elif account.state == "active" and account.authorised_at and days_left(account.authorised_at) <= WARN_DAYS:
            left = days_left(account.authorised_at)
            permissions.append(Permission(account.user_id, account.display_name, left))
    return permissions


@dataclass(slots=True)
class NightReport:
    """A run's outcome.

    ``finished`` counts batches that an earlier run had left; stages that did not run are None. ``permissions`` are
    those that a person must renew: from 30 days before their end, and once they have ended. ``lake_problems`` say which
    files of the lake are foreign or could not be loaded.
    """

    outcomes: list[PullOutcome] = field(default_factory=list)
    features: FetchReport | None = None
    labels: LabelReport | None = None
    finished: int = 0
    dry_run: bool = False
    permissions: list[Permission] = field(default_factory=list)
    lake_problems: list[str] = field(default_factory=list)

    @property
    def new_listens(self) -> int:
        """Listens that were not stored before."""
        return sum(outcome.new for outcome in self.outcomes)

    @property
    def new_gaps(self) -> int:
        """Accounts before whose listens a gap may exist."""
        return sum(outcome.gap for outcome in self.outcomes)

    @property
    def fetched(self) -> Counter[str]:
        """Tracks whose features were found, by source."""
        return Counter() if self.features is None else self.features.found

    @property
    def problems(self) -> list[str]:
        """What did not work, a sentence each."""
        accounts = [f"{outcome.user_id}: {outcome.problem}" for outcome in self.outcomes if outcome.problem]
        return accounts + self._features_problems() + self.lake_problems

    @property
    def incident(self) -> str | None:
        """A sentence where Spotify refused the permissions of 3 or more accounts and of most; None otherwise."""
        refused = sum(outcome.exit_code == ReauthorisationNeeded.exit_code for outcome in self.outcomes)
        if refused < _INCIDENT_FROM or 2 * refused <= len(self.outcomes):
            return None
        return (
            f"Spotify refused the permissions of {refused} of {len(self.outcomes)} accounts at once: this looks like "
            "an incident at Spotify. moodlog tries them again by itself for a week; wait before anybody reconnects"
        )

    @property
    def kinds_of_problems(self) -> list[str]:
        """What did not work, a sentence for each kind of it, the most common first; up to 3 accounts are named."""
        accounts: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            if outcome.problem:
                accounts.setdefault(outcome.problem, []).append(outcome.user_id)
        most_first = sorted(accounts.items(), key=lambda item: -len(item[1]))
        incident = [self.incident] if self.incident else []
        kinds = [f"{_named(ids)}: {problem}" for problem, ids in most_first]
        return incident + kinds + self._features_problems() + self.lake_problems

    @property
    def verdict(self) -> Verdict:
        """Failed when there were accounts and none could be pulled; degraded when anything else is missing."""
        if self.outcomes and all(outcome.problem for outcome in self.outcomes):
            return Verdict.FAILED
        return Verdict.DEGRADED if self.problems else Verdict.COMPLETED

    @property
    def deferred_accounts(self) -> list[str]:
        """The accounts that are to be pulled again after a wait."""
        return [outcome.user_id for outcome in self.outcomes if outcome.retry_after_s]

    @property
    def accounts_wait_s(self) -> float | None:
        """How long to wait with those accounts [s]; None where there are none."""
        return max((outcome.retry_after_s for outcome in self.outcomes if outcome.retry_after_s), default=None)

    @property
    def features_wait_s(self) -> float | None:
        """How long to wait with the features that a source did not give [s]; None where none asked us to."""
        stopped = [] if self.features is None else self.features.stopped
        return max((stop.retry_after_s for stop in stopped if stop.retry_after_s), default=None)

    def _features_problems(self) -> list[str]:
        if self.features is None:
            return []
        stopped = [f"{stop.service}: {stop.reason}" for stop in self.features.stopped]
        return stopped + [f"{kept.source}: {kept.reason}" for kept in self.features.quarantined]

    @property
    def exit_code(self) -> int:
        """0 when the run did what could be done; 75 when a quota stopped it; what all accounts failed by; else 1."""
        codes = {outcome.exit_code for outcome in self.outcomes if outcome.problem}
        if self.verdict is Verdict.FAILED:
            return codes.pop() if len(codes) == 1 else 1
        waits = (self.accounts_wait_s, self.features_wait_s)
        return _TRY_AGAIN_LATER if any(waits) else 0


def _named(user_ids: Sequence[str]) -> str:
    """A few accounts by their ids, many by their number and the first ones."""
    if len(user_ids) <= _NAMED:
        return ", ".join(user_ids)
    return f"{len(user_ids)} accounts ({', '.join(user_ids[:_NAMED])}, …)"

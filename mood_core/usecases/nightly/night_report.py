"""The result of a run: counts and problems. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mood_core.errors import ReauthorisationNeeded
from mood_core.features.fetch_report import FetchReport
from mood_core.resolvers.chain import ResolveReport
from mood_core.usecases.nightly.ending_permissions import Permission
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.pull_listens import PullOutcome

_TRY_AGAIN_LATER = 75
_NAMED = 3
_INCIDENT_FROM = 3


class Verdict(StrEnum):
    """Result of a run. ``DEGRADED``: partly done; the report's problems list what is missing."""

    COMPLETED = "Completed"
    DEGRADED = "Degraded"
    FAILED = "Failed"


@dataclass(slots=True)
class NightReport:
    """The result of a run.

    ``finished`` counts loaded batches of an interrupted run. Stages that did not run are None. ``permissions`` are
    those that a person must renew. ``lake_problems`` name foreign files of the lake and files that could not be loaded.
    """

    outcomes: list[PullOutcome] = field(default_factory=list)
    features: FetchReport | None = None
    labels: LabelReport | None = None
    finished: int = 0
    dry_run: bool = False
    permissions: list[Permission] = field(default_factory=list)
    lake_problems: list[str] = field(default_factory=list)
    names: ResolveReport | None = None

    @property
    def new_listens(self) -> int:
        """Number of listens that were not stored before."""
        return sum(outcome.new for outcome in self.outcomes)

    @property
    def new_gaps(self) -> int:
        """Number of accounts with a possible gap before their new listens."""
        return sum(outcome.gap for outcome in self.outcomes)

    @property
    def changed_plays(self) -> int:
        """Number of stored plays that the pulls found deleted or edited at their service."""
        return sum(outcome.changed for outcome in self.outcomes)

    @property
    def fetched(self) -> Counter[str]:
        """Number of tracks whose features were found, by source."""
        return Counter() if self.features is None else self.features.found

    @property
    def problems(self) -> list[str]:
        """Descriptions of all problems."""
        accounts = [f"{outcome.user_id}: {outcome.problem}" for outcome in self.outcomes if outcome.problem]
        return accounts + self._features_problems() + self.lake_problems

    @property
    def incident(self) -> str | None:
        """A description if Spotify refused the permissions of at least 3 accounts and of most; otherwise None."""
        refused = sum(outcome.exit_code == ReauthorisationNeeded.exit_code for outcome in self.outcomes)
        if refused < _INCIDENT_FROM or 2 * refused <= len(self.outcomes):
            return None
        return (
            f"Spotify refused the permissions of {refused} of {len(self.outcomes)} accounts at once: probably an "
            "incident at Spotify. moodlog retries automatically for a week; do not reconnect accounts yet"
        )

    @property
    def kinds_of_problems(self) -> list[str]:
        """Problems grouped by description, the most common first, with the names of up to 3 accounts."""
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
        """Failed if no account could be pulled; degraded if anything else is missing."""
        if self.outcomes and all(outcome.problem for outcome in self.outcomes):
            return Verdict.FAILED
        return Verdict.DEGRADED if self.problems else Verdict.COMPLETED

    @property
    def deferred_accounts(self) -> list[str]:
        """The accounts to retry after a wait."""
        return [outcome.user_id for outcome in self.outcomes if outcome.retry_after_s]

    @property
    def accounts_wait_s(self) -> float | None:
        """Wait before these accounts are retried [s]; None without such accounts."""
        return max((outcome.retry_after_s for outcome in self.outcomes if outcome.retry_after_s), default=None)

    @property
    def features_wait_s(self) -> float | None:
        """Wait before the missing features are retried [s]; None if no source sent a Retry-After."""
        stopped = [] if self.features is None else self.features.stopped
        return max((stop.retry_after_s for stop in stopped if stop.retry_after_s), default=None)

    def _features_problems(self) -> list[str]:
        if self.features is None:
            return []
        stopped = [f"{stop.service}: {stop.reason}" for stop in self.features.stopped]
        return stopped + [f"{kept.source}: {kept.reason}" for kept in self.features.quarantined]

    @property
    def exit_code(self) -> int:
        """0 for success; 75 if a quota stopped it or no feature service answered; the code of all accounts; else 1."""
        codes = {outcome.exit_code for outcome in self.outcomes if outcome.problem}
        if self.verdict is Verdict.FAILED:
            return codes.pop() if len(codes) == 1 else 1
        waits = (self.accounts_wait_s, self.features_wait_s, self.without_features)
        return _TRY_AGAIN_LATER if any(waits) else 0

    @property
    def without_features(self) -> str | None:
        """A description if no feature service answered; otherwise None."""
        if self.features is None or not self.features.no_service_answers:
            return None
        reasons = "; ".join(f"{stop.service}: {stop.reason}" for stop in self.features.stopped)
        which = "the other new tracks" if self.fetched else "new tracks"
        return f"No feature service answered, so {which} have no mood yet ({reasons}). Run `moodlog run` later."


def _named(user_ids: Sequence[str]) -> str:
    """The ids of few accounts; of many, their number and the first ids."""
    if len(user_ids) <= _NAMED:
        return ", ".join(user_ids)
    return f"{len(user_ids)} accounts ({', '.join(user_ids[:_NAMED])}, …)"

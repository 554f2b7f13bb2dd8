"""Findings of ``moodlog doctor`` with their remedies. The checks are independent: a failed one hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mood_core.domain.records import SERVICE_NAMES
from mood_core.errors import MoodlogError
from mood_core.store.queries.accounts import MOST_COUNTED, Account, Accounts, people_counted
from mood_core.text.format import plural
from mood_core.text.names import name_key
from mood_core.usecases.nightly.ending_permissions import WARN_DAYS, may_end_before

_PULLED_WITHIN = timedelta(hours=26)
_CLOCK_OK = timedelta(seconds=30)
_CLOCK_WARNING = timedelta(minutes=5)
_NAMED = 5
_MOST_SHOWN = 20
_MOST_PROBLEMS = 200
_MOST_NAMES = 1_000
"""The most accounts that each have a line, even without a problem."""

_MINUTE = "%Y-%m-%d %H:%M"
_SCHEDULE = "moodlog serve, or `prefect deploy --all` and a worker"


class Level(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was checked, its state, and the remedy if there is a problem."""

    what: str
    level: Level
    said: str
    remedy: str = ""


def checked(what: str, check: Callable[[], Finding | list[Finding]]) -> list[Finding]:
    """The findings of ``check``; a MoodlogError becomes a finding with the level broken and its message."""
    try:
        found = check()
    except MoodlogError as error:
        return [Finding(what, Level.BROKEN, error.message)]
    return found if isinstance(found, list) else [found]


def clock_finding(now: datetime, service_time: datetime | None, service: str = "Spotify") -> Finding:
    """The difference between this machine's clock and ``service_time``, the time of ``service`` to the second."""
    if service_time is None:
        return Finding("clock", Level.WARNING, f"{service}'s response has no time to compare with")
    skew = now - service_time
    seconds = abs(skew).total_seconds()
    if seconds <= _CLOCK_OK.total_seconds():
        return Finding("clock", Level.OK, f"agrees with {service}'s clock to some seconds")
    shown = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    said = f"is {shown} {'ahead of' if skew > timedelta() else 'behind'} {service}'s clock"
    level = Level.WARNING if seconds <= _CLOCK_WARNING.total_seconds() else Level.BROKEN
    return Finding("clock", level, said, "set it by network time (NTP)")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a Prefect server reports about moodlog's schedules.

    Attributes:
        active: whether a schedule starts the nightly run.
        since: when the nightly deployment was created; None without one.
        last_success: when the last completed nightly run ended.
        last_successes: by deployment name, when its last completed run ended.
        failed_since: when the last nightly run ended, if it failed or crashed.
        overdue_since: when a nightly run was due that should have ended, if none has succeeded since.
        waits_for_worker: whether no worker polls for the nightly run.
        next_runs: by deployment name, when the next run is due.
        unscheduled: deployments with an active schedule and no scheduled run.
        ghosts: runs and slots that the server shows as under way although no process executes them.
        is_own: whether this is the server of ``moodlog serve`` on this machine.
    """

    active: bool
    since: datetime | None = None
    last_success: datetime | None = None
    last_successes: tuple[tuple[str, datetime], ...] = ()
    failed_since: datetime | None = None
    overdue_since: datetime | None = None
    waits_for_worker: bool = False
    next_runs: tuple[tuple[str, datetime], ...] = ()
    unscheduled: tuple[str, ...] = ()
    ghosts: tuple[str, ...] = ()
    is_own: bool = False

    def times(self) -> dict[str, Any]:
        """The times of the next and of the last completed runs as JSON values."""
        return {
            "next_runs": {name: at.isoformat() for name, at in self.next_runs} | dict.fromkeys(self.unscheduled),
            "last_successes": {name: at.isoformat() for name, at in self.last_successes},
            "last_nightly_success": self.last_success and self.last_success.isoformat(),
        }


def schedule_finding(
    found: Scheduled | None, newest_pull: datetime | None, now: datetime, *, has_served: bool = False
) -> Finding:
    """Whether runs are scheduled and succeed. ``found`` is None without a Prefect server.

    If ``moodlog serve`` was started here before (``has_served``), its absence is a problem.
    """
    if found is None:
        return _without_server(newest_pull, now, has_served=has_served)
    if not found.active:
        return Finding("schedule", Level.WARNING, "the nightly run is not scheduled on this Prefect server", _SCHEDULE)
    if found.unscheduled:
        said = f"no run is scheduled for {', '.join(found.unscheduled)}, although the schedules are active"
        log = "moodlog serve; HOME/prefect/server.log" if found.is_own else "the Prefect server; its log"
        return Finding("schedule", Level.BROKEN, said, f"restart {log} says why its scheduler fails")
    if found.waits_for_worker:
        remedy = "prefect worker start --pool moodlog"
        return Finding("schedule", Level.WARNING, "the nightly run is scheduled, but no worker polls for it", remedy)
    begins, last = found.last_success or found.since or now, found.last_success
    said = "has not succeeded yet" if last is None else f"last succeeded {last:{_MINUTE}} UTC"
    if found.failed_since is not None:
        said = f"the last one, which ended {found.failed_since:{_MINUTE}} UTC, failed; the nightly run {said}"
    elif _is_recent(begins, now):
        due = dict(found.next_runs).get("nightly")
        at = f" for {due:{_MINUTE}} UTC" if due else ""
        return Finding("schedule", Level.OK, f"the nightly run is scheduled{at} and {said}")
    level = Level.BROKEN if now - begins > 2 * _PULLED_WITHIN else Level.WARNING
    return Finding("schedule", level, f"the nightly run is scheduled, but {said}", "moodlog run, and read its output")


def ghost_findings(found: Scheduled | None) -> list[Finding]:
    """A finding about runs and slots that no process holds, if there are any: they delay later runs."""
    if found is None or not found.ghosts:
        return []
    more = f" and {len(found.ghosts) - _NAMED} more" if len(found.ghosts) > _NAMED else ""
    remedy = (
        "restart moodlog serve: it marks them as crashed and frees their slots"
        if found.is_own
        else "`prefect flow-run cancel ID` for each run, then moodlog setup, which frees their slots"
    )
    said = f"no process executes what is shown as under way: {', '.join(found.ghosts[:_NAMED])}{more}"
    return [Finding("runs", Level.WARNING, said, remedy)]


def _without_server(newest_pull: datetime | None, now: datetime, *, has_served: bool) -> Finding:
    if has_served:
        said = "no scheduled run starts: moodlog serve was started here before and does not run now"
    elif newest_pull is not None and _is_recent(newest_pull, now):
        said = f"no Prefect server is running or set; the last pull was {newest_pull:{_MINUTE}} UTC"
        return Finding("schedule", Level.OK, said)
    else:
        said = "no scheduled run starts: no Prefect server is running or set"
    return Finding("schedule", Level.WARNING, said, _SCHEDULE)


def _is_recent(moment: datetime, now: datetime) -> bool:
    """Whether ``moment`` is within the last day. A time further in the future comes from a wrong clock."""
    return abs(now - moment) <= _PULLED_WITHIN


def account_findings(accounts: Accounts, now: datetime, days_left: Callable[[datetime], int]) -> list[Finding]:
    """A finding for each account (its permission, last pull and last problem), and for each name of several people.

    Of more than 20 accounts, only those with a problem are read, at most 200, and have a line each; one line counts
    the others. Of more than 1,000 people, names that several of them have are no problem: ids select them.
    """
    people, _ = accounts.numbers()
    if not people:
        return [Finding("accounts", Level.WARNING, "no account is connected", "moodlog connect, or moodlog import")]
    if people <= _MOST_SHOWN:
        everybody = accounts.all()
        return [*(_account(account, now, days_left) for account in everybody), *_shared_names(everybody)]
    times = now - _PULLED_WITHIN, now + _PULLED_WITHIN, may_end_before(now)
    troubled = accounts.with_problem(*times, most=_MOST_PROBLEMS + 1)
    found = [_account(account, now, days_left) for account in troubled[:_MOST_PROBLEMS]]
    problems = [finding for finding in found if finding.level is not Level.OK]
    shared = _shared_names(accounts.with_shared_names() if people <= _MOST_NAMES else [])
    return [*problems, *_others(people, len(problems), are_all=len(troubled) <= _MOST_PROBLEMS), *shared]


def _others(people: int, problems: int, *, are_all: bool) -> list[Finding]:
    """A line about the accounts without a line."""
    if not are_all:
        said = f"these are {problems} of more accounts with a problem, of {people_counted(people)} in all"
        return [Finding("accounts", Level.WARNING, said, "solve these problems, then run moodlog doctor again")]
    healthy = people - problems
    counted = f"at least {healthy:,} accounts" if people >= MOST_COUNTED else plural(healthy, "account")
    verb = "has" if healthy == 1 else "have"
    return [Finding("accounts", Level.OK, f"{counted} {verb} no problem")] if healthy else []


def _shared_names(accounts: list[Account]) -> Iterator[Finding]:
    """Names that several people have: a command that gets such a name cannot choose between them."""
    by_name: dict[str, list[Account]] = {}
    for account in accounts:
        by_name.setdefault(name_key(account.display_name), []).append(account)
    for people in by_name.values():
        if len(people) > 1:
            shown = ", ".join(f"{one.display_name} ({one.user_id})" for one in people)
            remedy = f"moodlog users rename {people[-1].user_id} NAME, or select them by id"
            yield Finding("names", Level.WARNING, f"{shown} have the same name: upper case makes no difference", remedy)


def _account(account: Account, now: datetime, days_left: Callable[[datetime], int]) -> Finding:
    what = f"account {account.display_name}"
    again = f"moodlog reconnect {account.user_id}"
    if account.state == "needs_reauthorisation":
        later = account.permission_retry_at
        soon = f"; next retry at {later:{_MINUTE}} UTC" if later else ""
        said = f"{SERVICE_NAMES[account.service]} refuses its permission: {account.state_reason}{soon}"
        return Finding(what, Level.BROKEN, said, f"moodlog users resume {account.user_id} (retries it now), or {again}")
    if account.state != "active" or account.authorised_at is None:
        said = "paused" if account.state == "paused" else "a history without a connected account"
        return Finding(what, Level.OK, said)
    left = None if account.consented_at is None else days_left(account.consented_at)
    if left is not None and left <= WARN_DAYS:
        return Finding(what, Level.WARNING, f"Spotify's permission ends in {left} days", again)
    if account.last_problem:
        return Finding(what, Level.WARNING, f"the last pull failed: {account.last_problem}", "moodlog run")
    pulled = account.last_pulled_at
    if pulled is None or not _is_recent(pulled, now):
        return Finding(what, Level.WARNING, "was not pulled in the last day", "moodlog serve, or moodlog run")
    if account.changed_at:
        said = f"{plural(len(account.changed_at), 'stored play')} deleted or edited at {SERVICE_NAMES[account.service]}"
        return Finding(what, Level.WARNING, said, f"moodlog users drop-changed {account.user_id} removes them")
    ends = f"{left} days of permission left" if left is not None else f"from {SERVICE_NAMES[account.service]}"
    return Finding(what, Level.OK, f"pulled {pulled:{_MINUTE}} UTC, {ends}")

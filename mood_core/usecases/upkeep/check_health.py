"""What a healthy moodlog looks like: findings with remedies. Each check stands alone, so one failure hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mood_core.errors import MoodlogError
from mood_core.store.queries.accounts import Account
from mood_core.usecases.nightly.night_report import WARN_DAYS

_PULLED_WITHIN = timedelta(hours=26)
_CLOCK_OK = timedelta(seconds=30)
_CLOCK_SPOILS = timedelta(minutes=5)
_NAMED = 5
_MINUTE = "%Y-%m-%d %H:%M"
_SCHEDULE = "moodlog serve, or `prefect deploy --all` and a worker"


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


def clock_finding(now: datetime, service_time: datetime | None) -> Finding:
    """How far this machine's clock is from that of a service, which tells ``service_time`` to the second."""
    if service_time is None:
        return Finding("clock", Level.WARNING, "Spotify's answer tells no time to compare with")
    skew = now - service_time
    seconds = abs(skew).total_seconds()
    if seconds <= _CLOCK_OK.total_seconds():
        return Finding("clock", Level.OK, "agrees with Spotify's to some seconds")
    shown = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    said = f"is {shown} {'ahead of' if skew > timedelta() else 'behind'} Spotify's"
    level = Level.WARNING if seconds <= _CLOCK_SPOILS.total_seconds() else Level.BROKEN
    return Finding("clock", level, said, "set it by network time (NTP)")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a Prefect server tells of the nightly run.

    Attributes:
        active: whether a schedule will start it.
        since: when it was first known there; None where it is not.
        last_success: when the newest nightly run that worked ended.
        last_successes: when the newest run of each deployment that worked ended.
        failed_since: when the newest run ended, if that one failed or crashed.
        waits_for_worker: whether no worker is there to take it.
        next_runs: when the next run of each schedule is due, by the deployment's name.
        unscheduled: deployments whose schedule is on and for which the server has scheduled no run.
        ghosts: runs and slots that no process holds although the server shows them as under way.
        is_own: whether the server is that of ``moodlog serve`` on this machine.
    """

    active: bool
    since: datetime | None = None
    last_success: datetime | None = None
    last_successes: tuple[tuple[str, datetime], ...] = ()
    failed_since: datetime | None = None
    waits_for_worker: bool = False
    next_runs: tuple[tuple[str, datetime], ...] = ()
    unscheduled: tuple[str, ...] = ()
    ghosts: tuple[str, ...] = ()
    is_own: bool = False


def schedule_finding(
    told: Scheduled | None, newest_pull: datetime | None, now: datetime, *, has_served: bool = False
) -> Finding:
    """Whether runs are scheduled and work. ``told`` is None where there is no Prefect server to ask.

    ``has_served`` says that `moodlog serve` was started here before, so that its absence is a problem.
    """
    if told is None:
        return _without_server(newest_pull, now, has_served=has_served)
    if not told.active:
        return Finding("schedule", Level.WARNING, "the nightly run is not scheduled on this Prefect server", _SCHEDULE)
    if told.unscheduled:
        said = f"no run is scheduled for {', '.join(told.unscheduled)}, although the schedules are on"
        log = "restart moodlog serve; HOME/prefect/server.log" if told.is_own else "restart the Prefect server; its log"
        return Finding("schedule", Level.BROKEN, said, f"{log} says why its scheduler fails")
    if told.waits_for_worker:
        remedy = "prefect worker start --pool moodlog"
        return Finding("schedule", Level.WARNING, "the nightly run is scheduled, but no worker takes it", remedy)
    begins = told.last_success or told.since or now
    said = "has not succeeded yet" if told.last_success is None else f"last succeeded {told.last_success:{_MINUTE}} UTC"
    if told.failed_since is not None:
        said = f"the last one, which ended {told.failed_since:{_MINUTE}} UTC, failed; the nightly run {said}"
    elif _is_recent(begins, now):
        due = dict(told.next_runs).get("nightly")
        next_ = "the nightly run is scheduled" + (f" for {due:{_MINUTE}} UTC" if due else "")
        return Finding("schedule", Level.OK, f"{next_} and {said}")
    level = Level.BROKEN if now - begins > 2 * _PULLED_WITHIN else Level.WARNING
    return Finding("schedule", level, f"the nightly run is scheduled, but {said}", "moodlog run, and see what it says")


def ghost_findings(told: Scheduled | None) -> list[Finding]:
    """The runs and slots that no process holds, which keep later runs waiting; nothing where there are none."""
    if told is None or not told.ghosts:
        return []
    shown = ", ".join(told.ghosts[:_NAMED]) + (f" and {len(told.ghosts) - _NAMED} more" * (len(told.ghosts) > _NAMED))
    remedy = (
        "restart moodlog serve: it marks them as crashed and frees their slots"
        if told.is_own
        else "`prefect flow-run cancel ID` for each run, then moodlog setup, which frees their slots"
    )
    return [Finding("runs", Level.WARNING, f"no process works on what is shown as under way: {shown}", remedy)]


def _without_server(newest_pull: datetime | None, now: datetime, *, has_served: bool) -> Finding:
    if has_served:
        said = "nothing runs by itself: moodlog serve was started here before and does not run"
        return Finding("schedule", Level.WARNING, said, _SCHEDULE)
    if newest_pull is not None and _is_recent(newest_pull, now):
        said = f"no Prefect server is running or set; the last pull was {newest_pull:{_MINUTE}} UTC"
        return Finding("schedule", Level.OK, said)
    return Finding("schedule", Level.WARNING, "nothing runs by itself: no Prefect server is running or set", _SCHEDULE)


def _is_recent(moment: datetime, now: datetime) -> bool:
    """Whether ``moment`` is of the last day; one in the future was dated by a clock that was wrong."""
    return abs(now - moment) <= _PULLED_WITHIN


def account_findings(accounts: list[Account], now: datetime, days_left: Callable[[datetime], int]) -> list[Finding]:
    """One finding for each account: its permission, when it was last pulled, and its last trouble."""
    if not accounts:
        return [Finding("accounts", Level.WARNING, "no account is connected", "moodlog connect")]
    return [_account(account, now, days_left) for account in accounts]


def _account(account: Account, now: datetime, days_left: Callable[[datetime], int]) -> Finding:
    what = f"account {account.display_name}"
    again = f"moodlog reconnect {account.user_id}"
    if account.state == "needs_reauthorisation":
        later = account.permission_retry_at
        soon = f"; tried again at {later:{_MINUTE}} UTC" if later else ""
        said = f"Spotify refuses its permission: {account.state_reason}{soon}"
        return Finding(what, Level.BROKEN, said, f"moodlog users resume {account.user_id} (tries it now), or {again}")
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
    if pulled is None or not _is_recent(pulled, now):
        return Finding(what, Level.WARNING, "was not pulled in the last day", "moodlog serve, or moodlog run")
    return Finding(what, Level.OK, f"pulled {pulled:{_MINUTE}} UTC, {left} days of permission left")

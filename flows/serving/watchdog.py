"""Watches that runs really start by themselves while ``moodlog serve`` runs, and says loudly where they do not.

It looks every 15 s. What is wrong for a minute is a problem: it is printed, sent to Prefect as an event, and answered
by ``/health``. The server that ``moodlog serve`` started is started again; where that does not help, ``moodlog serve``
ends with an exit code that lets systemd or launchd start it anew.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.server.local_server import LocalServer
from flows.server.schedule import ServerSchedule, read_schedule
from flows.server.schedule_times import last_and_next
from flows.serving.dead_runs import end_recorded_runs
from flows.serving.run_records import RunRecords
from flows.serving.scheduler_log import SchedulerLog
from mood_core.app.workspace import utc_now
from mood_core.errors import MoodlogError

if TYPE_CHECKING:
    from flows.serving.home_runner import HomeRunner

TICK_S = 15.0
_FIRST_S = 3.0
PATIENCE = timedelta(seconds=60)
"""How long something may be wrong before it is a problem: a server that starts, or a database that is busy."""

RESTARTS = 1
"""So often the server is started again within an hour; after that ``moodlog serve`` ends."""

OVERDUE = timedelta(hours=6)
"""How long after its time a nightly run may end."""

_ONLY_REPORTED = "scheduler-errors"  # runs that are scheduled still start; when they run out, that is found too
_REPEAT = timedelta(minutes=10)
_SETTLE_S = 60.0
_ANSWER_S = 20.0
_MINUTE = "%Y-%m-%d %H:%M"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: ``said`` names no person; ``detail`` is for the terminal alone."""

    code: str
    said: str
    detail: str = ""


@dataclass(slots=True)
class Patience:
    """Since when each thing is wrong; a thing is a problem once it has been wrong for ``limit``."""

    limit: timedelta = PATIENCE
    since: dict[str, datetime] = field(default_factory=dict)

    def lasting(self, wrong: Mapping[str, Problem], now: datetime) -> list[Problem]:
        """Those of ``wrong`` that have lasted, with the time of what is new noted."""
        self.since = {code: self.since.get(code, now) for code in wrong}
        return [problem for code, problem in wrong.items() if now - self.since[code] >= self.limit]


def schedule_problems(found: ServerSchedule, polled_at: datetime | None, now: datetime) -> dict[str, Problem]:
    """What is wrong with the schedule that a server reports, by code."""
    wrong = {}
    if found.unscheduled:
        names = ", ".join(found.unscheduled)
        wrong["nothing-scheduled"] = Problem("nothing-scheduled", f"no run is scheduled for {names}")
    if polled_at is not None and now - polled_at > PATIENCE:
        wrong["not-polling"] = Problem("not-polling", "moodlog serve does not learn which runs are due")
    return wrong


def overdue(found: ServerSchedule, now: datetime) -> list[Problem]:
    """Whether the newest nightly run failed, or none succeeded although one was due some hours ago."""
    nightly = found.nightly
    if nightly is None:
        return []
    if found.failed_since is not None:
        return [Problem("failed", f"the nightly run that ended {found.failed_since:{_MINUTE}} UTC failed")]
    times = [last_and_next(one.schedule, now - OVERDUE)[0] for one in nightly.schedules if one.active]
    due = max((at for at in times if at is not None), default=None)
    worked = max(filter(None, (found.last_success, nightly.created)), default=None)
    if due is None or worked is None or worked >= due:
        return []
    return [Problem("overdue", f"the nightly run that was due {due:{_MINUTE}} UTC has not succeeded")]


class Watchdog:
    """The watch over one ``moodlog serve``; ``server`` is the server it started, None for one of somebody else's."""

    def __init__(
        self,
        server: LocalServer | None,
        runner: HomeRunner,
        records: RunRecords,
        health_file: Path,
        say: Callable[[str], None],
        *,
        patience: timedelta = PATIENCE,
        tick_s: float = TICK_S,
    ) -> None:
        self.gave_up: str | None = None
        self._server, self._runner, self._records = server, runner, records
        self._health_file, self._say, self._tick_s = health_file, say, tick_s
        self._log = SchedulerLog(server.log) if server else None
        self._patience = Patience(patience)
        self._restarted: list[datetime] = []
        self._told: tuple[datetime, frozenset[str]] | None = None
        self._pending_event: tuple[str, str] | None = None
        self._began = utc_now()
        self._was_well = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="moodlog-watchdog", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._write("starting", None, [])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer: what ends now ends on purpose."""
        self._ended.set()
        self._thread.join(timeout=30)
        self._health_file.unlink(missing_ok=True)

    def _run(self) -> None:
        wait_s = min(_FIRST_S, self._tick_s)
        while not self._ended.wait(wait_s):
            wait_s = self._tick_s
            if self._runner.is_stopping:
                continue
            try:
                self._look(utc_now())
            except Exception:  # whatever is wrong with the watch, the next look may work
                log.exception("the schedule could not be checked")

    def _look(self, now: datetime) -> None:
        found, wrong = self._check(now)
        lasting = self._patience.lasting(wrong, now)
        if self._server is not None and self._server.has_ended:
            lasting = list(wrong.values())
        # A reported problem goes on until nothing is wrong: that the server was started again proves nothing.
        reported = list(wrong.values()) if self._told else lasting
        shown = [*reported, *(overdue(found, now) if found else [])]
        self._write(self._status(wrong, shown), found, shown)
        self._report(reported, now)
        if found is not None:
            self._send_event()
        if mendable := [problem for problem in lasting if problem.code != _ONLY_REPORTED]:
            self._mend(mendable, now)

    def _status(self, wrong: Mapping[str, Problem], shown: list[Problem]) -> str:
        """What ``/health`` says of itself: what is wrong for less than a minute is no problem yet."""
        if shown:
            return "problem"
        self._was_well = self._was_well or not wrong
        return "ok" if not wrong else "checking" if self._was_well else "starting"

    def _check(self, now: datetime) -> tuple[ServerSchedule | None, dict[str, Problem]]:
        """What the server says of its schedule, and everything that is wrong at this moment."""
        import httpx
        from prefect.client.orchestration import get_client
        from prefect.exceptions import PrefectException
        from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        wrong: dict[str, Problem] = {}
        if self._log is not None and self._log.is_failing(now):
            said = "the scheduler of the Prefect server fails again and again"
            wrong["scheduler-errors"] = Problem("scheduler-errors", said, self._log.last)
        if self._server is not None and self._server.has_ended:
            return None, {"server-ended": Problem("server-ended", "the Prefect server has ended")}
        try:
            # With Prefect's own patience, a server that hangs would be noticed after six minutes.
            hurried = {PREFECT_API_REQUEST_TIMEOUT: _ANSWER_S, PREFECT_CLIENT_MAX_RETRIES: 0}
            with temporary_settings(hurried), get_client(sync_client=True) as client:
                found = read_schedule(client, now)
                starting = self._runner.in_flight
                for done in end_recorded_runs(client, self._records, starting=starting, min_age_s=_SETTLE_S):
                    self._say(f"{done.what}: {done.outcome}")
        except (httpx.HTTPError, PrefectException, RuntimeError) as error:
            said = "the Prefect server does not answer"
            return None, wrong | {"no-answer": Problem("no-answer", said, type(error).__name__)}
        return found, wrong | schedule_problems(found, self._runner.polled_at, now)

    def _report(self, problems: list[Problem], now: datetime) -> None:
        codes = frozenset(problem.code for problem in problems)
        if not codes:
            if self._told is not None:
                self._say(f"Solved {now:{_MINUTE}} UTC: runs start by themselves again.")
                self._pending_event, self._told = ("recovered", ""), None
            return
        if self._told is None or self._told[1] != codes or now - self._told[0] > _REPEAT:
            for problem in problems:
                detail = f" ({problem.detail})" if problem.detail else ""
                self._say(f"PROBLEM {now:{_MINUTE}} UTC: {problem.said}{detail}. `moodlog doctor` says more.")
            if self._told is None or self._told[1] != codes:
                self._pending_event = ("broken", "; ".join(problem.said for problem in problems))
            self._told = (now, codes)

    def _send_event(self) -> None:
        """Send the event of what was last reported; one that a dead server could not take is sent when it answers."""
        from flows.alerting.events import SCHEDULE_BROKEN, SCHEDULE_RECOVERED, report_schedule

        if self._pending_event is not None:
            kind, problems = self._pending_event
            report_schedule(SCHEDULE_BROKEN if kind == "broken" else SCHEDULE_RECOVERED, socket.gethostname(), problems)
            self._pending_event = None

    def _mend(self, problems: list[Problem], now: datetime) -> None:
        """Start the server again, or give up where that did not help."""
        self._restarted = [at for at in self._restarted if now - at < timedelta(hours=1)]
        if self._server is None or self._runner.is_stopping:
            return
        if len(self._restarted) >= RESTARTS:
            said = "; ".join(problem.said for problem in problems)
            self._give_up(f"{said}, and starting the Prefect server again did not help; its log is {self._server.log}")
            return
        self._restarted.append(now)
        self._say("The Prefect server is started again.")
        try:
            self._server.restart(self._say)
            self._server.wait_until_ready()
        except MoodlogError as error:
            self._give_up(error.message)
        self._patience.since.clear()

    def _give_up(self, said: str) -> None:
        self.gave_up = said
        self._runner.stop_soon()

    def _write(self, status: str, found: ServerSchedule | None, problems: list[Problem]) -> None:
        """Write what ``/health`` answers; it names no person."""
        due = [(at, name) for name, at in found.next_runs.items() if at is not None] if found else []
        next_at, next_name = min(due, default=(None, None))
        report: dict[str, Any] = {
            "status": status,
            "checked_at": utc_now().isoformat(),
            "serving_since": self._began.isoformat(),
            "scheduler": "unknown" if found is None else "not scheduling" if found.unscheduled else "ok",
            "next_run_at": next_at and next_at.isoformat(),
            "next_run": next_name,
            "next_runs": _iso(found.next_runs) if found else {},
            "last_successes": _iso(found.last_successes) if found else {},
            "last_nightly_success": found and found.last_success and found.last_success.isoformat(),
            "running": len(self._runner.in_flight),
            "problems": [problem.said for problem in problems],
        }
        draft = self._health_file.with_suffix(".tmp")
        draft.write_text(json.dumps(report), encoding="utf-8")
        draft.replace(self._health_file)


def _iso(times: Mapping[str, datetime | None]) -> dict[str, str | None]:
    return {name: at.isoformat() if at else None for name, at in times.items()}

"""One refusal is not final: a permission that Spotify refuses is tried again until it works, a few times at most."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from flows.report_text import markdown, report_json
from mood_core.app.workspace import Workspace
from mood_core.domain.records import to_ms
from mood_core.store.queries.accounts import Account
from mood_core.store.queries.token_rows import PERMISSION_WAITS
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullOutcome
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of


@pytest.fixture
def workspace(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Three connected people, whose access tokens have just ended."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        standin.clock.advance(timedelta(hours=2))
        yield workspace


def _refuse(standin: StandIn, *, until: datetime | None = None, whose: int = 0) -> None:
    who = standin.listeners[whose].listener_id
    standin.faults.add(Fault(FaultKind.INVALID_GRANT, endpoint="token", listener=who, times=None, ends_at=until))


def _account(workspace: Workspace, standin: StandIn, whose: int = 0) -> Account:
    (account,) = workspace.accounts.all([standin.listeners[whose].account_id])
    return account


def _asked(standin: StandIn) -> int:
    return len(standin.calls.entries("token", standin.listeners[0].listener_id))


def _resume(standin: StandIn, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Result:
    monkeypatch.setattr("mood_core.cli.users.Workspace", lambda: workspace_of(standin))
    return CliRunner().invoke(main, ["users", "resume", standin.listeners[0].account_id])


def test_it_heals_by_itself_without_a_consent(workspace: Workspace, standin: StandIn) -> None:
    _refuse(standin, until=standin.clock.now() + timedelta(hours=3))
    assert [outcome.exit_code for outcome in one_night(workspace).outcomes].count(77) == 1
    refused = _account(workspace, standin)
    assert refused.state == "needs_reauthorisation"
    assert refused.permission_retry_at == workspace.now() + timedelta(hours=1)
    assert workspace.try_refused_permissions() == [], "its time has not come"
    standin.clock.advance(timedelta(hours=1))
    assert workspace.try_refused_permissions() == []
    standin.clock.advance(timedelta(hours=6))
    assert workspace.try_refused_permissions() == [refused.user_id]
    healed = _account(workspace, standin)
    assert (healed.state, healed.state_reason, healed.permission_retry_at) == ("active", None, None)
    assert healed.authorised_at == refused.authorised_at
    assert [outcome.problem for outcome in one_night(workspace).outcomes] == [None] * 3


def test_it_is_tried_five_times_and_no_more(workspace: Workspace, standin: StandIn) -> None:
    _refuse(standin)
    one_night(workspace)
    before, tries = _asked(standin), []
    for _ in range(40 * 24):
        standin.clock.advance(timedelta(hours=1))
        asked = _asked(standin)
        workspace.try_refused_permissions()
        tries += [standin.clock.now()] * (_asked(standin) - asked)
    assert _asked(standin) - before == len(PERMISSION_WAITS) == 5
    assert [later - earlier for earlier, later in pairwise(tries)] == list(PERMISSION_WAITS[1:])
    assert _account(workspace, standin).permission_retry_at is None


def test_resume_tries_at_once_and_changes_no_plan(
    workspace: Workspace, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(standin, until=standin.clock.now() + timedelta(minutes=10))
    one_night(workspace)
    plan = _account(workspace, standin).permission_retry_at
    refused = _resume(standin, monkeypatch, workspace)
    paused = CliRunner().invoke(main, ["users", "pause", standin.listeners[0].account_id])
    assert "needs re-authorisation; run `moodlog reconnect " in paused.stderr
    assert refused.exit_code == 77
    assert "moodlog reconnect" in refused.output
    assert _account(workspace, standin).permission_retry_at == plan
    standin.clock.advance(timedelta(minutes=11))
    done = _resume(standin, monkeypatch, workspace)
    assert done.exit_code == 0, done.output
    assert _account(workspace, standin).state == "active"


def test_after_six_months_nothing_is_asked(
    workspace: Workspace, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.clock.advance(timedelta(days=180))
    _refuse(standin)
    one_night(workspace)
    standin.clock.advance(timedelta(days=10))
    asked = _asked(standin)
    assert workspace.try_refused_permissions() == []
    refused = _resume(standin, monkeypatch, workspace)
    assert (refused.exit_code, "moodlog reconnect" in refused.output) == (2, True)
    assert _asked(standin) == asked


def test_another_failure_of_spotifys_costs_no_try(workspace: Workspace, standin: StandIn) -> None:
    _refuse(standin, until=standin.clock.now() + timedelta(minutes=10))
    one_night(workspace)
    plan = _account(workspace, standin).permission_retry_at
    standin.clock.advance(timedelta(hours=2))
    standin.faults.add(Fault(FaultKind.SERVER_ERROR, endpoint="token", status=404))
    assert workspace.try_refused_permissions() == []
    assert _account(workspace, standin).permission_retry_at == plan
    assert workspace.try_refused_permissions() == [standin.listeners[0].account_id]


def test_a_refusal_that_comes_late_marks_no_token_that_was_stored_meanwhile(
    workspace: Workspace, standin: StandIn
) -> None:
    who = standin.listeners[0].account_id
    stored = workspace.tokens.read(who)
    assert stored is not None
    workspace.tokens.write(who, stored.ciphertext, authorised_at=workspace.now(), expected_version=stored.version)
    workspace.tokens.mark_reauthorisation_needed(who, "late", expected_version=stored.version)
    assert _account(workspace, standin).state == "active"
    workspace.tokens.mark_reauthorisation_needed(who, "now", expected_version=stored.version + 1)
    assert _account(workspace, standin).state == "needs_reauthorisation"


def test_a_time_from_a_wrong_clock_holds_nothing_up(workspace: Workspace, standin: StandIn) -> None:
    from sqlalchemy import text

    _refuse(standin, until=standin.clock.now() + timedelta(minutes=10))
    one_night(workspace)
    standin.clock.advance(timedelta(hours=2))
    far = to_ms(standin.clock.now() + timedelta(days=900))
    with workspace.database.write() as connection:
        connection.execute(
            text("UPDATE _accounts SET permission_retry_at_ms = :far WHERE state <> 'active'"), {"far": far}
        )
    assert workspace.try_refused_permissions() == [standin.listeners[0].account_id]


def test_refusals_of_most_accounts_look_like_an_incident(workspace: Workspace, standin: StandIn) -> None:
    for whose in range(3):
        _refuse(standin, whose=whose)
    report = one_night(workspace)
    assert report.incident
    assert "incident" in report.kinds_of_problems[0]
    assert "incident" in markdown(report)
    assert report_json(report)["incident"] == report.incident
    two_of_three = NightReport([PullOutcome(str(n), problem="x", exit_code=77 if n < 2 else 0) for n in range(3)])
    three_of_six = NightReport([PullOutcome(str(n), problem="x", exit_code=77 if n < 3 else 0) for n in range(6)])
    assert two_of_three.incident is three_of_six.incident is None


def test_an_incident_that_goes_on_is_not_asked_about_for_everybody() -> None:
    from mood_core.errors import ReauthorisationNeeded
    from mood_core.usecases.people.try_permissions import try_permissions

    tried: list[str] = []

    def refuse(user_id: str) -> None:
        tried.append(user_id)
        raise ReauthorisationNeeded("refused", source="spotify")

    assert try_permissions([str(n) for n in range(1000)], refuse) == []
    assert len(tried) == 10

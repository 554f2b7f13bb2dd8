"""A permission from consent to its end six months later: announced, expired for one person, renewed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.spotify.tokens import days_left
from mood_core.usecases.nightly.ending_permissions import ending_permissions
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn
from tests.conftest import NOW
from tests.nights import connect_listeners, point_at, token_of, workspace_of

MONTHS_LATER = datetime(2027, 5, 20, 12, 0, tzinfo=NOW.tzinfo)
"""Six calendar months after NOW: the moment at which refresh tokens die."""


def _night(workspace: Workspace) -> NightReport:
    pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
    ids = [account.user_id for account in workspace.accounts.all() if account.state == "active"]
    now = workspace.now()
    report = NightReport(outcomes=pull(ids, now=now))
    report.permissions = ending_permissions(workspace.accounts.all(), lambda since: days_left(since, now))
    return report


def _warned(report: NightReport) -> dict[str, int | None]:
    return {permission.user_id: permission.days_left for permission in report.permissions}


def _count(workspace: Workspace, user_id: str) -> int:
    return len(workspace.listens.plays_since(user_id, NOW - timedelta(days=365)))


def test_a_permission_is_warned_of_ends_and_is_renewed(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    old, young = standin.listeners[0], standin.listeners[1]
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        assert _warned(_night(workspace)) == {}

        standin.clock.set(MONTHS_LATER - timedelta(days=40))
        for listener in standin.listeners[1:]:  # everybody but one renews in time
            answer = standin.issue_tokens(listener.listener_id, client_id="tests")
            workspace.connect(token_of(answer, workspace.now()), listener.timezone)
        assert _warned(_night(workspace)) == {}, "40 days before the end nobody is bothered"

        standin.clock.set(MONTHS_LATER - timedelta(days=30))
        assert _warned(_night(workspace)) == {old.account_id: 30}

        standin.clock.set(MONTHS_LATER - timedelta(minutes=61))
        last = _night(workspace)
        assert [outcome.problem for outcome in last.outcomes] == [None] * 3, "refreshing works up to the end"
        assert _warned(last) == {old.account_id: 0}
        kept = _count(workspace, old.account_id)

        standin.clock.set(MONTHS_LATER)
        ended = _night(workspace)
        problems = {outcome.user_id: outcome.exit_code for outcome in ended.outcomes if outcome.problem}
        assert problems == {old.account_id: 77}
        assert _warned(ended) == {old.account_id: None}
        assert _count(workspace, young.account_id) > 0

        asked = len(standin.calls.entries("token", old.listener_id))
        assert [outcome.problem for outcome in _night(workspace).outcomes] == [None, None], "it is not asked again"
        assert len(standin.calls.entries("token", old.listener_id)) == asked > 0
        reported = {
            user["user_id"]: user for user in json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)["users"]
        }
        assert reported[old.account_id]["state"] == "needs_reauthorisation"
        assert "reconnect" in reported[old.account_id]["state_reason"]

        answer = standin.issue_tokens(old.listener_id, client_id="tests")
        workspace.connect(token_of(answer, workspace.now()), old.timezone)
        healed = _night(workspace)
        assert [outcome.problem for outcome in healed.outcomes] == [None] * 3
        assert _warned(healed) == {}
        assert _count(workspace, old.account_id) >= kept > 0

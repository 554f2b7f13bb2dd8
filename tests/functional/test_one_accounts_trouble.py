"""One account's trouble stops and slows nobody else, leaves nothing half written, and is named in ``status``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.http.retry import RetryPolicy
from mood_core.spotify import session
from mood_core.spotify.client import SpotifyClients
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullListens
from mood_core.usecases.upkeep.verify_lake import verify
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, contents, point_at, token_of, truth, workspace_of

VICTIM = 1
"""Neither the first nor the last of the accounts."""


@dataclass(frozen=True)
class Trouble:
    """A fault that hits one account, and what must come of it. Without a ``reason`` the account is pulled nevertheless.

    ``loses_the_token``: Spotify had rotated the refresh token, and the only copy of the new one was in the lost answer.
    """

    kind: FaultKind
    reason: str = ""
    exit_code: int = 0
    state: str = "active"
    endpoint: str = "recently_played"
    times: int | None = None
    most_calls: int = 4
    detail: dict[str, Any] | None = None
    loses_the_token: bool = False


TROUBLES = {
    "401 once": Trouble(FaultKind.UNAUTHORIZED, times=1),
    "401 always": Trouble(FaultKind.UNAUTHORIZED, "reconnect", 77),
    "revoked": Trouble(FaultKind.REVOKED, "reconnect", 77, state="needs_reauthorisation", times=1),
    "403": Trouble(FaultKind.FORBIDDEN, "denies", 78, most_calls=1),
    "429 short, then well": Trouble(FaultKind.RATE_LIMITED, times=2, detail={"retry_after_s": 1}),
    "429 short, always": Trouble(FaultKind.RATE_LIMITED, "rate limit", 75, detail={"retry_after_s": 1}),
    "500 once": Trouble(FaultKind.SERVER_ERROR, times=1, detail={"status": 500}),
    "500": Trouble(FaultKind.SERVER_ERROR, "500", 75, detail={"status": 500}),
    "502": Trouble(FaultKind.SERVER_ERROR, "502", 75, detail={"status": 502}),
    "503": Trouble(FaultKind.SERVER_ERROR, "503", 75, detail={"status": 503}),
    "timeout": Trouble(FaultKind.SLOW, "did not respond in time", 75, detail={"delay_s": 8.0}),
    "cut before the answer": Trouble(FaultKind.CUT_BEFORE_ANSWER, "closed the connection", 75),
    "cut in the answer": Trouble(FaultKind.CUT_MID_BODY, "closed the connection", 75),
    "cut once": Trouble(FaultKind.CUT_MID_BODY, times=1),
    "malformed JSON": Trouble(FaultKind.MALFORMED_JSON, "JSON", 1, most_calls=1),
    "another shape": Trouble(FaultKind.WRONG_SHAPE, "violates its contract", 1, most_calls=1),
    "items that are no listens": Trouble(
        FaultKind.WRONG_SHAPE, "violates its contract", 1, most_calls=1, detail={"body": '{"items": [7, null]}'}
    ),
    "an empty answer": Trouble(FaultKind.EMPTY_BODY, "JSON", 1, most_calls=1),
    "tokens: 503": Trouble(FaultKind.SERVER_ERROR, "503", 75, endpoint="token"),
    "tokens: malformed JSON": Trouble(
        FaultKind.MALFORMED_JSON, "token", 1, endpoint="token", most_calls=1, loses_the_token=True
    ),
    "tokens: cut": Trouble(FaultKind.CUT_BEFORE_ANSWER, "closed the connection", 75, endpoint="token"),
    "a null track": Trouble(FaultKind.NULL_TRACK, most_calls=1),
    "an episode": Trouble(FaultKind.EPISODE_ITEM, most_calls=1),
}


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Three connected listeners, pulled once, some hours ago: now their access tokens have run out."""
    now = datetime.now(UTC).replace(microsecond=0)
    with StandIn(seed=11, listeners=3, now=now - timedelta(hours=14), frozen=True) as standin:
        point_at(standin, monkeypatch)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
            assert _pull(workspace, []).exit_code == 0
        standin.clock.set(now)
        standin.calls.clear()
        yield standin


def _pull(workspace: Workspace, waits: list[float]) -> NightReport:
    """Everybody active is pulled, as a night does; waits are noted instead of being waited for."""
    retry = RetryPolicy(sleep=waits.append)
    app, calls = workspace.spotify_app, workspace.calls
    with SpotifyClients(
        app, workspace.tokens, workspace.cipher, ledger=calls, retry=retry, clock=workspace.now
    ) as clients:
        pull = PullListens(clients.for_user, workspace.listens, workspace.accounts, workspace.batches)
        ids = [account.user_id for account in workspace.accounts.all() if account.state == "active"]
        return NightReport(outcomes=pull(ids, now=workspace.now()))


def _listens(workspace: Workspace) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for user_id, at, *_ in contents(workspace)["listens"]:
        found.setdefault(user_id, set()).add(at)
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "timeout" else ()) for name in TROUBLES]
)
def test_one_accounts_trouble_costs_no_other_account_anything(
    world: StandIn, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble, victim = TROUBLES[name], world.listeners[VICTIM]
    if trouble.kind is FaultKind.SLOW:
        # Only here: a busy machine would exceed it for the others as well, and a lost answer costs a rotated token.
        monkeypatch.setattr(session, "TIMEOUT_S", (5.0, 6.0))
    fault = Fault(
        trouble.kind,
        endpoint=trouble.endpoint,
        listener=victim.listener_id,
        times=trouble.times,
        **(trouble.detail or {}),
    )
    with workspace_of(world) as workspace:
        before = _listens(workspace)
        world.faults.add(fault)
        waits: list[float] = []
        report = _pull(workspace, waits)
        after = _listens(workspace)
        visible = truth(world)
        outcomes = {outcome.user_id: outcome for outcome in report.outcomes}

        assert len(outcomes) == len(world.listeners), "everybody has an outcome"
        for listener in world.listeners:
            if listener is not victim:
                assert visible[listener.account_id] <= after[listener.account_id], "the others are whole"
                assert outcomes[listener.account_id].problem is None
        assert sum(waits) <= 120
        assert len(world.calls.entries(trouble.endpoint, victim.listener_id)) <= trouble.most_calls
        if trouble.reason:
            assert after[victim.account_id] == before[victim.account_id], "nothing half written"
        else:
            skipped = outcomes[victim.account_id].skipped
            assert skipped == (trouble.kind in (FaultKind.NULL_TRACK, FaultKind.EPISODE_ITEM))
            # The newest item is the one without a track: it is missing unless it was stored hours ago.
            newest = max(visible[victim.account_id])
            lost = {newest} if skipped and newest not in before[victim.account_id] else set()
            assert visible[victim.account_id] - after[victim.account_id] == lost

    status = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)
    reported = {user["user_id"]: user for user in status["users"]}
    for listener in world.listeners:
        user = reported[listener.account_id]
        if listener is victim and trouble.reason:
            assert trouble.reason in user["last_problem"]
            assert user["state"] == trouble.state
        else:
            assert (user["last_problem"], user["state"]) == (None, "active")
    assert outcomes[victim.account_id].exit_code == trouble.exit_code

    world.faults.clear()
    with workspace_of(world) as workspace:
        if trouble.loses_the_token:
            assert {outcome.exit_code for outcome in _pull(workspace, []).outcomes} == {0, 77}
        if trouble.loses_the_token or trouble.state != "active":
            _reconnect(workspace, world, victim.listener_id)
        assert _pull(workspace, []).exit_code == 0
        visible = truth(world)
        assert all(visible[user_id] <= found for user_id, found in _listens(workspace).items()), "healed"
        assert verify(workspace.lake, workspace.database, now=workspace.now()).findings == []


def _reconnect(workspace: Workspace, standin: StandIn, listener_id: str) -> None:
    answer = standin.issue_tokens(listener_id, client_id="tests")
    workspace.connect(token_of(answer, workspace.now()), "Europe/Berlin")


def test_local_tracks_are_listens_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with StandIn(seed=11, listeners=8, now=now, frozen=True) as standin:
        point_at(standin, monkeypatch)
        played = {
            listen.track_id
            for person in standin.listeners
            # What is older has left the window, on a day of many listens.
            for listen in standin.truth(person.listener_id, now - timedelta(days=3), now)[-40:]
            if listen.is_local and listen.visible_at <= now
        }
        assert played
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
            assert _pull(workspace, []).exit_code == 0
            assert played <= {row[2] for row in contents(workspace)["listens"]}
            kinds = {row[0]: row[7] for row in contents(workspace)["tracks"]}
    assert {kinds[track_id] for track_id in played} == {"local"}


def test_an_ended_premium_of_the_apps_owner_costs_one_call_for_all_accounts(world: StandIn) -> None:
    reason = "Active premium subscription required for the owner of the app."
    with workspace_of(world) as workspace:
        world.faults.add(Fault(FaultKind.FORBIDDEN, endpoint="recently_played", times=None, reason=reason))
        before = world.calls.count("recently_played")
        report = _pull(workspace, [])
    assert world.calls.count("recently_played") == before + 1
    assert len(report.outcomes) == len(world.listeners)
    for outcome in report.outcomes:
        assert "renew the Premium" in (outcome.problem or "")

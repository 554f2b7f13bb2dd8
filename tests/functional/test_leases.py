"""Leases: no two runs pull one account at once, and a killed run does not block the next one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenClient
from mood_core.errors import StoreUnreachable
from mood_core.store.loading.ledger import loaded_among
from mood_core.store.locks.leases import Renewal, may_live, new_owner, owner_here
from mood_core.store.queries.account_leases import NOT_CALLED
from mood_core.usecases.nightly.night_report import NightReport, Verdict
from mood_core.usecases.nightly.pull_account import HELD, pull_leased
from mood_core.usecases.nightly.pull_listens import PullListens, PullOutcome
from standin import StandIn
from tests.databases import postgres_of_its_own
from tests.nights import connect_listeners, settings_for, workspace_of


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (settings_for(standin) | {"MOODLOG_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)


def owner_that_has_ended() -> str:
    code = "from mood_core.store.locks.leases import new_owner; print(new_owner())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_one_run_holds_another_does_not_get_until_it_lets_go(standin: StandIn) -> None:
    first, second = new_owner(), new_owner()
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.leases.acquire(ids[:2], first, now=now, for_s=60) == ids[:2]
        assert workspace.accounts.leases.acquire(ids, second, now=now, for_s=60) == ids[2:]
        assert workspace.accounts.leases.acquire(ids[:2], first, now=now, for_s=60) == ids[:2]
        workspace.accounts.leases.release(first)
        assert workspace.accounts.leases.acquire(ids, second, now=now, for_s=60) == ids


def test_hundreds_of_thousands_of_accounts_or_batches_fit_one_question(standin: StandIn) -> None:
    many = [f"nobody-{number}" for number in range(300_000)]  # more parameters than a statement of either kind can have
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.leases.acquire([*many, *ids], new_owner(), now=now, for_s=60) == ids
        (known,) = {path.rpartition("/")[2].removesuffix(".parquet") for path in workspace.lake.paths("users")[:1]}
        assert loaded_among(workspace.database, [*many, known]) == {known}


def test_a_lease_ends_with_its_lease_or_with_its_process(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.leases.acquire(ids, "another-host:7:x", now=now, for_s=60) == ids
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=now + timedelta(seconds=59), for_s=60) == []
        dead = owner_that_has_ended()
        assert not may_live(dead)
        assert workspace.accounts.leases.acquire(ids, dead, now=now + timedelta(seconds=61), for_s=600) == ids
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=now + timedelta(seconds=62), for_s=60) == ids


def test_accounts_with_trouble_of_their_own_come_last(standin: StandIn) -> None:
    """Five in a row for which a service fails stop a run: the same five must not stop every run."""
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        workspace.accounts.troubled([ids[0]], "Spotify answered 500")
        workspace.accounts.troubled([ids[1]], f"{NOT_CALLED}Spotify answered 500")
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=now, for_s=60) == [ids[1], ids[2], ids[0]]


def test_only_active_accounts_are_leased(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        workspace.accounts.set_state(ids[0], "paused")
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=workspace.now(), for_s=60) == ids[1:]


def test_a_lease_is_renewed_once_a_minute() -> None:
    times = iter([0.0, 1.0, 59.0, 60.0, 60.0, 61.0, 125.0, 125.0])
    renewed: list[None] = []
    renewal = Renewal(lambda: renewed.append(None), clock=lambda: next(times))
    for _ in range(5):
        renewal()
    assert len(renewed) == 2


def test_a_lease_belongs_to_the_run_and_a_retry_in_another_process_inherits_it(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.leases.acquire(ids, "another-host:7:run-1", now=now, for_s=60) == ids
        assert workspace.accounts.leases.acquire(ids, owner_here("run-2"), now=now, for_s=60) == []
        assert workspace.accounts.leases.acquire(ids, owner_here("run-1"), now=now, for_s=60) == ids
        workspace.accounts.leases.release_run("run-1")
        assert workspace.accounts.leases.acquire(ids, owner_here("run-2"), now=now, for_s=60) == ids


def test_one_shard_of_a_run_releases_no_other(standin: StandIn) -> None:
    owner = owner_here("run-1")
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        workspace.accounts.leases.acquire(ids, owner, now=now, for_s=60)
        workspace.accounts.leases.release(owner, ids[:1])
        assert workspace.accounts.leases.acquire(ids, new_owner(), now=now, for_s=60) == ids[:1]


def test_an_account_that_another_run_holds_is_a_problem_of_this_one(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mood_core.usecases.nightly.pull_account.WAIT_S", 0.0)
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        workspace.accounts.leases.acquire(ids[:1], "another-host:7:x", now=now, for_s=60)
        outcomes = _pulled(workspace, ids)
        assert {outcome.user_id: outcome.problem for outcome in outcomes} == dict.fromkeys(ids[1:]) | {ids[0]: HELD}
        assert NightReport(outcomes).verdict is Verdict.DEGRADED
        report = NightReport(_pulled(workspace, ids[:1]))
        assert (report.verdict, report.exit_code) == (Verdict.FAILED, 75)
        assert report.kinds_of_problems == [f"{ids[0]}: {HELD}"]


@pytest.mark.postgresql
def test_a_restart_of_the_database_in_mid_pull_costs_a_retry_and_no_account(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_of_its_own() as server:
        monkeypatch.setenv("MOODLOG_DATABASE_URL", server.url)
        with workspace_of(standin) as workspace:
            ids = connect_listeners(workspace, standin)
            with pytest.raises(StoreUnreachable):
                _pulled(workspace, ids, owner=owner_here("run-1"), after_first=server.stop)
            server.start()
            outcomes = _pulled(workspace, ids, owner=owner_here("run-1"))
            assert [(outcome.user_id, outcome.problem) for outcome in outcomes] == [(user_id, None) for user_id in ids]

            with pytest.raises(StoreUnreachable):
                _pulled(workspace, ids, after_first=server.stop)
            server.start()
            assert [outcome.problem for outcome in _pulled(workspace, ids)] == [None] * len(ids)


def _pulled(
    workspace: Workspace,
    ids: list[str],
    *,
    owner: str | None = None,
    after_first: Callable[[], object] = lambda: None,
) -> list[PullOutcome]:
    """Pull ``ids``; ``after_first`` is called once, when Spotify has given the first of them its client."""
    once = iter([after_first])

    def client_of(user_id: str) -> ListenClient:
        client = workspace.spotify.for_user(user_id)
        next(once, lambda: None)()
        return client

    pull = PullListens(client_of, workspace.listens, workspace.accounts, workspace.batches)
    return pull_leased(ids, pull, workspace.accounts, workspace.now, owner=owner)

"""Claims: no two runs pull one account at once, and a run that was killed does not keep the next one waiting."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.standin import StandIn
from mood_core.store.accounts import NOT_ASKED
from mood_core.store.claims import Renewal, may_live, new_owner
from mood_core.store.ledger import loaded_among
from tests.nights import connect_listeners, settings_for, workspace_of


@pytest.fixture(autouse=True)
def _settings(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (settings_for(standin) | {"MOODLOG_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)


def _owner_that_has_ended() -> str:
    code = "from mood_core.store.claims import new_owner; print(new_owner())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_one_run_holds_another_does_not_get_until_it_lets_go(standin: StandIn) -> None:
    first, second = new_owner(), new_owner()
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.claim(ids[:2], first, now=now, for_s=60) == ids[:2]
        assert workspace.accounts.claim(ids, second, now=now, for_s=60) == ids[2:]
        assert workspace.accounts.claim(ids[:2], first, now=now, for_s=60) == ids[:2]
        workspace.accounts.release(first)
        assert workspace.accounts.claim(ids, second, now=now, for_s=60) == ids


def test_hundreds_of_thousands_of_accounts_or_batches_fit_one_question(standin: StandIn) -> None:
    many = [f"nobody-{number}" for number in range(300_000)]  # more parameters than a statement of either kind can have
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.claim([*many, *ids], new_owner(), now=now, for_s=60) == ids
        (known,) = {path.rpartition("/")[2].removesuffix(".parquet") for path in workspace.lake.paths("users")[:1]}
        assert loaded_among(workspace.database, [*many, known]) == {known}


def test_a_claim_ends_with_its_lease_or_with_its_process(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        assert workspace.accounts.claim(ids, "another-host:7:x", now=now, for_s=60) == ids
        assert workspace.accounts.claim(ids, new_owner(), now=now + timedelta(seconds=59), for_s=60) == []
        dead = _owner_that_has_ended()
        assert not may_live(dead)
        assert workspace.accounts.claim(ids, dead, now=now + timedelta(seconds=61), for_s=600) == ids
        assert workspace.accounts.claim(ids, new_owner(), now=now + timedelta(seconds=62), for_s=60) == ids


def test_accounts_with_trouble_of_their_own_come_last(standin: StandIn) -> None:
    """Five in a row for which a service fails stop a run: the same five must not stop every run."""
    with workspace_of(standin) as workspace:
        ids, now = connect_listeners(workspace, standin), workspace.now()
        workspace.accounts.troubled([ids[0]], "Spotify answered 500")
        workspace.accounts.troubled([ids[1]], f"{NOT_ASKED}Spotify answered 500")
        assert workspace.accounts.claim(ids, new_owner(), now=now, for_s=60) == [ids[1], ids[2], ids[0]]


def test_only_active_accounts_are_claimed(standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        workspace.accounts.set_state(ids[0], "paused")
        assert workspace.accounts.claim(ids, new_owner(), now=workspace.now(), for_s=60) == ids[1:]


def test_a_claim_is_renewed_once_a_minute() -> None:
    times = iter([0.0, 1.0, 59.0, 60.0, 60.0, 61.0, 125.0, 125.0])
    renewed: list[None] = []
    renewal = Renewal(lambda: renewed.append(None), clock=lambda: next(times))
    for _ in range(5):
        renewal()
    assert len(renewed) == 2

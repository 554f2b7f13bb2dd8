"""Who is pulled by the half-hourly run."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from flows.sharing.account_selection import due_accounts
from mood_core.domain.poll_schedule import HALF_WINDOW
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import StandIn
from tests.nights import connect_listeners, point_at, workspace_of
from tests.store_data import NOW, listens, tracks, users


def test_who_was_just_pulled_is_due_after_at_most_12_hours(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        assert due_accounts(workspace, ids) == ids
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        now = workspace.now()
        pull(ids, now=now)
        assert due_accounts(workspace, ids) == []
        workspace.now = lambda: now + timedelta(hours=12)
        assert due_accounts(workspace, ids) == ids


def test_a_pace_is_the_shortest_time_in_which_half_a_window_filled(migrated: Database, tmp_path: Path) -> None:
    rng = random.Random(3)
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    minutes = {"ada": rng.sample(range(30 * 1440), 300), "bo": [5, 9, 30 * 1440], "cy": [40 * 1440]}
    plays = {person: sorted(NOW - timedelta(minutes=ago) for ago in given) for person, given in minutes.items()}
    batches.add(USERS, users(*((person, "UTC") for person in plays)), now=NOW)
    batches.add(TRACKS, tracks("t"), now=NOW)
    batches.add(LISTENS, listens((person, at, "t") for person, given in plays.items() for at in given), now=NOW)
    since = NOW - timedelta(days=14)
    recent = [at for at in plays["ada"] if at >= since]
    shortest = min(late - early for early, late in zip(recent, recent[HALF_WINDOW:], strict=False))
    paces = Accounts(migrated).paces
    assert paces(since, HALF_WINDOW, list(plays)) == {"ada": (len(recent), shortest), "bo": (2, None)}
    assert paces(since, HALF_WINDOW, ["bo"]) == {"bo": (2, None)}

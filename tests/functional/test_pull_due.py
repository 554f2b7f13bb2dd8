"""Who is pulled by the half-hourly run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.sharing.account_selection import due_accounts
from mood_core.domain.poll_schedule import HALF_WINDOW, Pace
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


@pytest.fixture
def people(migrated: Database, tmp_path: Path) -> Callable[[Mapping[str, Sequence[timedelta]]], Accounts]:
    """Stores active accounts, with a play at each of these times ago."""
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)

    def store(plays: Mapping[str, Sequence[timedelta]]) -> Accounts:
        batches.add(USERS, users(*((person, "UTC") for person in plays)), now=NOW)
        batches.add(TRACKS, tracks("t"), now=NOW)
        batches.add(
            LISTENS, listens((person, NOW - ago, "t") for person, given in plays.items() for ago in given), now=NOW
        )
        with migrated.write() as connection:
            connection.execute(text("INSERT INTO _accounts (user_key) SELECT user_key FROM users"))
        return Accounts(migrated)

    return store


def test_due_are_those_whose_wait_is_over_those_never_pulled_and_those_pulled_in_the_future(
    people: Callable[[Mapping[str, Sequence[timedelta]]], Accounts],
) -> None:
    hour = timedelta(hours=1)
    accounts = people(dict.fromkeys(("ahead", "late", "new", "paused", "recent"), ()))
    for person, ago in {"late": 2 * hour, "recent": hour, "paused": 3 * hour, "ahead": timedelta(days=-800)}.items():
        accounts.pulled([person], at=NOW - ago)
    accounts.set_state("paused", "paused")
    assert accounts.due(NOW, daily_budget=None) == ["ahead", "late", "new"]
    assert accounts.due(NOW, daily_budget=None, user_ids=["new", "recent"]) == ["new"]
    assert accounts.due(NOW + hour, daily_budget=None) == ["ahead", "late", "new", "recent"]
    assert accounts.due(NOW, daily_budget=20) == ["ahead", "new"], "four accounts, each every six hours"
    assert accounts.due(NOW + 4 * hour, daily_budget=20) == ["ahead", "late", "new"]


def test_a_pull_keeps_the_shortest_time_in_which_half_a_window_filled(
    people: Callable[[Mapping[str, Sequence[timedelta]]], Accounts],
) -> None:
    rng = random.Random(3)
    minutes = {"ada": rng.sample(range(30 * 1440), 300), "bo": [5, 9, 30 * 1440], "cy": [40 * 1440]}
    accounts = people({person: [timedelta(minutes=ago) for ago in given] for person, given in minutes.items()})
    recent = sorted(ago for ago in minutes["ada"] if ago <= 14 * 1440)
    shortest = timedelta(minutes=min(late - early for early, late in zip(recent, recent[HALF_WINDOW:], strict=False)))
    assert [account.pace for account in accounts.all()] == [Pace()] * 3
    accounts.pulled(["ada", "bo", "cy"], at=NOW)
    assert [account.pace for account in accounts.all()] == [Pace(len(recent), shortest), Pace(2, None), Pace()]


@pytest.mark.parametrize("seed", range(3))
def test_later_pulls_of_a_day_find_the_same_time_by_the_newest_plays(
    people: Callable[[Mapping[str, Sequence[timedelta]]], Accounts], migrated: Database, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    minutes = sorted({*rng.sample(range(14 * 1440), 120), *rng.sample(range(300), 60)})
    first = NOW.replace(hour=0, minute=1) - NOW
    accounts = people({"ada": [timedelta(minutes=ago) for ago in minutes if timedelta(minutes=-ago) <= first]})
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    for at in (first, first / 2, timedelta()):
        new = [ago for ago in minutes if timedelta(minutes=-ago) <= at]
        batches.add(LISTENS, listens(("ada", NOW - timedelta(minutes=ago), "t") for ago in new), now=NOW)
        accounts.pulled(["ada"], at=NOW + at)
        shortest = min(late - early for early, late in zip(new, new[HALF_WINDOW:], strict=False))
        assert accounts.all()[0].pace == Pace(len(new), timedelta(minutes=shortest))
    later = NOW + timedelta(days=20)
    accounts.pulled(["ada"], at=later)
    assert accounts.all()[0].pace == Pace()


def test_people_are_found_by_id_and_by_name(
    people: Callable[[Mapping[str, Sequence[timedelta]]], Accounts],
) -> None:
    accounts = people({"ada": (), "bo": (), "cy": ()})
    assert [one.user_id for one in accounts.all(["ADA", "cy"])] == ["ada", "cy"]
    assert [one.user_id for one in accounts.all(["nobody"])] == []
    assert [accounts.with_id(user_id) and user_id for user_id in ("bo", "Bo")] == ["bo", None]

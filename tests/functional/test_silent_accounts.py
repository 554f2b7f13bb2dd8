"""Which accounts count as silent: regular listeners without listens, and accounts without a pull that worked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from mood_core.domain.records import to_ms
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.loading.stale_totals import mark_stale
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.find_silent_accounts import Kind, find_silent
from tests.store_data import NOW, listens, tracks, users

DAY = timedelta(days=1)


def _people(database: Database, folder: Path, heard: Mapping[str, Iterable[int]]) -> Accounts:
    """Active accounts, pulled an hour ago, with two listens on each of these days ago."""
    batches = Batches(open_lake(str(folder / "lake")), database)
    batches.add(USERS, users(*((person, "UTC") for person in heard)), now=NOW)
    batches.add(TRACKS, tracks("t"), now=NOW)
    plays = [
        (person, NOW - ago * DAY - hours * timedelta(hours=1), "t")
        for person, days in heard.items()
        for ago in days
        for hours in (0, 1)
    ]
    batches.add(LISTENS, listens(plays), now=NOW)
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO _accounts (user_key, state, authorised_at_ms, last_pulled_at_ms, token, token_version)"
                " SELECT user_key, 'active', :now, :now, NULL, 1 FROM users"
            ),
            {"now": to_ms(NOW - timedelta(hours=1))},
        )
    return Accounts(database)


def _found(database: Database, accounts: Accounts, later: timedelta = timedelta(0)) -> dict[str, Kind]:
    now = NOW + later
    return {one.user_id: one.kind for one in find_silent(database, accounts, now=now, daily_budget=0)}


def test_a_regular_listener_without_listens_for_three_days_is_silent(migrated: Database, tmp_path: Path) -> None:
    heard = {
        "silent": range(4, 20),
        "just_paused": range(3, 20),
        "rare": range(4, 20, 3),
        "listening": range(20),
        "long_gone": range(11, 30),
        "asked_to_pause": range(4, 20),
    }
    accounts = _people(migrated, tmp_path, heard)
    accounts.set_state("asked_to_pause", "paused")
    assert _found(migrated, accounts) == {"silent": Kind.NO_LISTENS}
    (silence,) = find_silent(migrated, accounts, now=NOW, daily_budget=0)
    assert silence.since.date() == (NOW - 4 * DAY).date()
    assert "private session" in silence.sentence


def test_it_is_found_too_if_the_totals_are_stale(migrated: Database, tmp_path: Path) -> None:
    accounts = _people(migrated, tmp_path, {"silent": range(4, 20)})
    with migrated.write() as connection:
        mark_stale(connection, "test")
        connection.execute(text("UPDATE _listen_totals SET last_played_at_ms = first_played_at_ms"))
    assert _found(migrated, accounts) == {"silent": Kind.NO_LISTENS}


def test_it_is_found_for_six_days(migrated: Database, tmp_path: Path) -> None:
    accounts = _people(migrated, tmp_path, {"silent": range(4, 20)})
    for days in range(9):
        now = NOW + days * DAY
        accounts.pulled(["silent"], at=now)
        found = find_silent(migrated, accounts, now=now, daily_budget=0)
        assert len(found) == (days <= 6)


def test_an_account_without_a_pull_that_worked_for_a_day_is_silent(migrated: Database, tmp_path: Path) -> None:
    accounts = _people(migrated, tmp_path, {"ada": range(20), "bo": range(20)})
    assert _found(migrated, accounts) == {}
    accounts.pulled(["bo"], at=NOW + DAY)
    accounts.troubled(["ada"], "Spotify is unavailable (HTTP 503)")
    assert _found(migrated, accounts, later=DAY) == {"ada": Kind.NOT_PULLED}
    (silence,) = find_silent(migrated, accounts, now=NOW + DAY, daily_budget=0)
    assert "HTTP 503" in silence.sentence
    assert "moodlog doctor" in silence.sentence
    assert _found(migrated, accounts, later=9 * DAY) == {}, "both have been reported long ago"


def test_a_call_budget_that_makes_everybody_wait_is_no_silence(migrated: Database, tmp_path: Path) -> None:
    accounts = _people(migrated, tmp_path, {f"person{number}": [0] for number in range(8)})
    now = NOW + 2 * DAY
    assert len(find_silent(migrated, accounts, now=now, daily_budget=100)) == 8
    assert find_silent(migrated, accounts, now=now, daily_budget=5) == []

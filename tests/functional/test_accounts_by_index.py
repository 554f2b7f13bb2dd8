"""The accounts that a run asks an index for are those that reading every account would find."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.domain.records import to_ms
from mood_core.lake import open_lake
from mood_core.lake.schema import USERS
from mood_core.spotify.tokens import days_left
from mood_core.store import Database
from mood_core.store.queries.accounts import Account, Accounts
from mood_core.store.queries.people_read import people_read
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.ending_permissions import ending_permissions, may_end_before
from mood_core.usecases.people.try_permissions import due_permissions
from mood_core.usecases.upkeep import check_health
from mood_core.usecases.upkeep.check_health import Level, account_findings
from tests.store_data import NOW, query, users

_DAY = timedelta(days=1)


def _left(authorised_at: object) -> int:
    return days_left(authorised_at, NOW)  # type: ignore[arg-type]


@pytest.fixture
def accounts(migrated: Database, tmp_path: Path) -> Accounts:
    """An account of each state and service, consented some time ago, pulled some time ago or never."""
    kinds = list(
        product(
            ("active", "paused", "needs_reauthorisation"),
            ("spotify", "lastfm"),
            (None, -1, 149, 150, 151, 152, 160, 200),
            (None, 0, 2, 9),
        )
    )
    people = users(*((f"p{number:03}", "UTC") for number in range(len(kinds))))
    Batches(open_lake(str(tmp_path / "lake")), migrated).add(USERS, people, now=NOW)
    rows = [
        {
            "id": f"p{number:03}",
            "state": state,
            "service": service,
            "authorised": None if consented is None else to_ms(NOW - consented * _DAY),
            "pulled": None if pulled is None else to_ms(NOW - pulled * _DAY),
            "retry": to_ms(NOW - pulled * _DAY) if pulled and state == "needs_reauthorisation" else None,
        }
        for number, (state, service, consented, pulled) in enumerate(kinds)
    ]
    statement = (
        "INSERT INTO _accounts (user_key, state, service, authorised_at_ms, last_pulled_at_ms, permission_retry_at_ms)"
        " SELECT user_key, :state, :service, :authorised, :pulled, :retry FROM users WHERE user_id = :id"
    )
    with migrated.write() as connection:
        connection.execute(text(statement), rows)
    return Accounts(migrated)


def _ids(found: list[Account]) -> list[str]:
    return [account.user_id for account in found]


def test_permissions_that_end_and_refused_ones_are_all_found(accounts: Accounts) -> None:
    everybody, some = accounts.all(), accounts.to_renew(may_end_before(NOW))
    ending = ending_permissions(everybody, _left)
    assert ending
    assert ending_permissions(some, _left) == ending
    assert 0 < len(some) < len(everybody) / 2
    due = due_permissions(everybody, NOW, _left)
    assert due
    assert due_permissions(accounts.refused(), NOW, _left) == due


def test_accounts_that_were_not_pulled_for_some_days_are_all_found(accounts: Accounts) -> None:
    first, last = NOW - 7 * _DAY, NOW - _DAY
    active = [one for one in accounts.all() if one.state == "active"]
    wanted = [one for one in active if one.last_pulled_at is None or first <= one.last_pulled_at < last]
    assert _ids(accounts.not_pulled(first, last)) == _ids(wanted)
    assert accounts.count_active() == len(active)


def test_only_active_accounts_of_spotify_are_asked_for_everybody(accounts: Accounts) -> None:
    wanted = {one.user_id for one in accounts.all() if one.state == "active" and one.service == "spotify"}
    assert set(accounts.of_spotify(1000)) == wanted
    assert len(accounts.of_spotify(3)) == 3
    assert _ids(accounts.page(2)) == ["p000", "p001"]


@pytest.mark.parametrize("was_filled", [False, True])
def test_a_name_is_found_in_any_spelling_before_and_after_its_key_is_stored(
    migrated: Database, tmp_path: Path, was_filled: bool
) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("jos\u00e9", "UTC"), ("grace", "UTC")), now=NOW)
    if not was_filled:  # as after an update from a version without keys
        with migrated.write() as connection:
            connection.execute(text("UPDATE users SET user_id = 'id-' || user_id, name_key = NULL"))
    else:
        with migrated.write() as connection:
            connection.execute(text("UPDATE users SET user_id = 'id-' || user_id"))
    accounts = Accounts(migrated)
    for spelling in ("JOSE\u0301", "jos\u00e9", " Jos\u00e9 "):
        assert _ids(accounts.all([spelling])) == ["id-jos\u00e9"]
    assert accounts.all(["jose"]) == []
    batches.load_unloaded(now=NOW)
    keys = query(migrated, "SELECT name_key FROM users ORDER BY user_id")
    assert keys == [("grace",), ("jos\u00e9",)]
    assert _ids(accounts.all(["JOSE\u0301"])) == ["id-jos\u00e9"]


def test_the_key_of_a_name_follows_a_new_name(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    row = users(("ada", "UTC"), recorded_at=NOW + _DAY)
    place = row.schema.get_field_index("display_name")
    batches.add(USERS, row.set_column(place, row.schema.field(place), [["Countess"]]), now=NOW)
    batches.add(USERS, users(("ada", "UTC"), recorded_at=NOW - _DAY), now=NOW + _DAY)  # loaded late
    assert query(migrated, "SELECT display_name, name_key FROM users") == [("Countess", "countess")]


def test_a_run_stores_the_people_whom_it_has_read_and_no_others(accounts: Accounts) -> None:
    with people_read() as read:
        assert read == {}
        due = accounts.due(NOW, daily_budget=None)
        assert read == {user_id: set() for user_id in due}
        accounts.all(["p000"])
        refused = accounts.refused()
    named = {"p000", *_ids(refused)}
    assert {user_id for user_id, names in read.items() if names} == named
    assert set(read) == named.union(due)
    assert len(read) < len(accounts.all())
    accounts.page(1000)
    assert set(read) == named.union(due)  # the block has ended


def test_of_many_accounts_the_doctor_shows_those_with_a_problem_and_counts_the_others(
    accounts: Accounts, migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with migrated.write() as connection:
        connection.execute(
            text("UPDATE users SET display_name = 'Zoe', name_key = 'zoe' WHERE user_id IN ('p000', 'p003')")
        )
        connection.execute(text("UPDATE users SET display_name = 'p003', name_key = 'p003' WHERE user_id = 'p004'"))
        for column, value, every in (("last_problem", "HTTP 500", 5), ("changed_plays", "[1]", 7)):
            statement = f"UPDATE _accounts SET {column} = '{value}' WHERE user_key % {every} = 0"  # noqa: S608
            connection.execute(text(statement))
    few = account_findings(accounts, NOW, _left)
    monkeypatch.setattr(check_health, "_MOST_SHOWN", len(accounts.all()))
    everybody = account_findings(accounts, NOW, _left)
    wanted = [finding for finding in everybody if finding.level is not Level.OK]
    assert [finding for finding in few if finding.level is not Level.OK] == wanted
    assert wanted[-1].what == "names"
    (healthy,) = [finding for finding in few if finding.level is Level.OK]
    assert f"{len(everybody) - len(wanted)} accounts" in healthy.said


def test_the_numbers_and_services_of_all_accounts_need_no_account(accounts: Accounts) -> None:
    everybody = accounts.all()
    authorised = {one.user_id: one.service for one in everybody if one.authorised_at}
    pulled = [one.last_pulled_at for one in everybody if one.state == "active" and one.last_pulled_at]
    assert accounts.numbers() == (len(everybody), max(pulled))
    assert accounts.authorised(1000) == authorised
    assert len(accounts.authorised(5)) == 20  # the oldest and the newest of two services
    assert accounts.active() == [one.user_id for one in everybody if one.state == "active"]
    assert [one.user_id for one in accounts.pages()] == _ids(everybody)
    assert accounts.count_active(3) == 3
    assert accounts.services() == set(authorised.values())


def test_everybody_whose_name_begins_so_is_read_page_by_page(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mood_core.store.queries.accounts._PAGE", 3)
    assert [one.user_id for one in accounts.pages("P01")] == [f"p01{digit}" for digit in range(10)]


def test_people_are_read_page_by_page_and_by_the_beginning_of_their_names(accounts: Accounts) -> None:
    everybody = _ids(accounts.all())
    assert _ids(accounts.page(7, after=everybody[4])) == everybody[5:12]
    assert _ids(accounts.page(1000, prefix="P01")) == [f"p01{digit}" for digit in range(10)]
    assert accounts.page(5, prefix="%") == []
    assert accounts.with_name_or_id({"P001", "p002", "nobody"}) == {"p001": "P001", "p002": "P002"}

"""A clock that was ahead, or behind, and is right again: every night after that pulls, labels and counts as ever."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mood_core.app.workspace import Workspace
from mood_core.domain.feature_misses import LATEST_PLAUSIBLE, WAITS_AFTER_MISSES, is_due, rest_at
from mood_core.domain.records import FeatureMiss, Listen, ListenSource, to_ms
from mood_core.errors import QuotaExceeded
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import FEATURE_MISSES, LISTENS, NAMED_PLAYS, TRACKS, USERS
from mood_core.spotify.tokens import days_left
from mood_core.store import Database
from mood_core.store.locks.leases import new_owner
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.import_rows import ImportRows
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.queries.token_rows import TokenRows
from mood_core.store.quota.calls import CallLedger
from mood_core.store.quota.rate_budget import RateBudget
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.match_pending import match_pending
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.people.manage_users import change_user, the_account
from mood_core.usecases.upkeep.check_health import Level, account_findings
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from standin import Fault, FaultKind, StandIn
from tests.nights import connect_listeners, contents, one_night, settings_for
from tests.store_data import tracks, users

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AHEAD = timedelta(days=800)
DAY = timedelta(days=1)
ENDPOINT = "me/player/recently-played"
OFFSETS = [
    timedelta(hours=2),
    timedelta(days=-40),
    pytest.param(timedelta(days=40), marks=pytest.mark.slow),
    pytest.param(AHEAD, marks=pytest.mark.slow),
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    (tmp_path / "lake").mkdir()
    return open_lake(str(tmp_path / "lake"))


def _live(standin: StandIn, home: Path, offset: timedelta, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Five nights, the second by a clock wrong by ``offset``; what is stored then, and what the last one did."""
    for name, value in (settings_for(standin) | {"MOODLOG_HOME": str(home)}).items():
        monkeypatch.setenv(name, value)
    standin.clock.set(NOW)
    for number in range(5):
        wrong = offset if number == 1 else timedelta()
        with Workspace(now=lambda wrong=wrong: standin.clock.now() + wrong) as workspace:  # type: ignore[misc]
            if not number:
                connect_listeners(workspace, standin)
            report = one_night(workspace)
            assert report.problems == []
            assert len(report.outcomes) == len(standin.listeners)
            if number == 2:
                person = the_account(workspace.accounts, standin.listeners[0].account_id)
                change_user(person, workspace.batches, now=workspace.now(), display_name="another name")
        standin.clock.advance(DAY)
    with Workspace(now=standin.clock.now) as workspace:
        found = contents(workspace)
        del found["misses"]  # which tracks are asked for again is a matter of time
        assert verify(workspace.lake, workspace.database, now=workspace.now(), deep=True).findings == []
        findings = account_findings(workspace.accounts, workspace.now(), lambda at: days_left(at, workspace.now()))
        assert {finding.level for finding in findings} == {Level.OK}
    return found, report.new_listens, report.labels and report.labels.labelled


@pytest.mark.parametrize("offset", OFFSETS, ids=str)
def test_nights_after_a_wrong_clock_leave_what_nights_by_a_right_one_do(
    home: Path, standin: StandIn, offset: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _live(standin, home, timedelta(), monkeypatch)
    assert expected[1]
    with StandIn(seed=11, listeners=3, now=NOW, frozen=True) as again:
        assert _live(again, home.with_name("other"), offset, monkeypatch) == expected


def test_calls_of_the_future_use_up_no_budget(migrated: Database) -> None:
    clock = [NOW + AHEAD]
    ledger = CallLedger(migrated, now=lambda: clock[0], budget={ENDPOINT: 2})
    for _ in range(2):
        ledger.before_call(ENDPOINT)
    with pytest.raises(QuotaExceeded):
        ledger.before_call(ENDPOINT)
    clock[0] = NOW
    assert ledger.last_day() == {}
    for _ in range(2):
        ledger.before_call(ENDPOINT)
    assert ledger.last_day() == {ENDPOINT: 2}
    with pytest.raises(QuotaExceeded):
        ledger.before_call(ENDPOINT)


def test_a_rate_limit_of_the_future_stops_no_call_and_a_new_one_does(migrated: Database) -> None:
    clock, slept = [NOW + AHEAD], list[float]()
    ledger = CallLedger(
        migrated, now=lambda: clock[0], paced=[ENDPOINT], wall_clock=lambda: to_ms(clock[0]) / 1000, sleep=slept.append
    )
    ledger.after_call(ENDPOINT, 429, 7200.0)
    ledger.after_call(ENDPOINT, 429, 30.0)
    clock[0] = NOW
    ledger.before_call(ENDPOINT)
    assert (slept, ledger.not_before()) == ([], {})
    ledger.after_call(ENDPOINT, 429, 20.0)
    ledger.before_call(ENDPOINT)
    assert slept == [20.0]
    ledger.after_call(ENDPOINT, 429, 7200.0)
    assert ledger.not_before() == {ENDPOINT: NOW + timedelta(hours=2)}
    with pytest.raises(QuotaExceeded):
        ledger.before_call(ENDPOINT)


@pytest.mark.parametrize(("asked_for", "holds"), [(10 * DAY, 10 * DAY), (30 * DAY, 30 * DAY), (400 * DAY, 30 * DAY)])
def test_a_rate_limit_lasts_exactly_as_long_as_it_says_and_at_most_30_days(
    migrated: Database, asked_for: timedelta, holds: timedelta
) -> None:
    clock = [NOW]
    ledger = CallLedger(migrated, now=lambda: clock[0])
    ledger.after_call(ENDPOINT, 429, asked_for.total_seconds())
    clock[0] = NOW + holds - timedelta(seconds=1)
    assert ledger.not_before() == {ENDPOINT: NOW + holds}
    with pytest.raises(QuotaExceeded):
        ledger.before_call(ENDPOINT)
    clock[0] = NOW + holds
    ledger.before_call(ENDPOINT)
    assert ledger.not_before() == {}


@pytest.mark.parametrize("ahead", [timedelta(minutes=11), 5 * DAY, AHEAD], ids=str)
def test_a_long_rate_limit_stored_by_a_clock_ahead_is_tried_again(migrated: Database, ahead: timedelta) -> None:
    clock = [NOW + ahead]
    ledger = CallLedger(migrated, now=lambda: clock[0])
    ledger.after_call(ENDPOINT, 429, 10 * 86_400.0)
    clock[0] = NOW
    assert ledger.not_before() == {}
    ledger.before_call(ENDPOINT)
    ledger.after_call(ENDPOINT, 429, 3600.0)
    assert ledger.not_before() == {ENDPOINT: NOW + timedelta(hours=1)}


def test_a_rate_limit_stored_by_a_machine_a_little_ahead_is_kept(migrated: Database) -> None:
    clock = [NOW + timedelta(minutes=9)]
    ledger = CallLedger(migrated, now=lambda: clock[0])
    ledger.after_call(ENDPOINT, 429, 10 * 86_400.0)
    until, clock[0] = clock[0] + 10 * DAY, NOW
    assert ledger.not_before() == {ENDPOINT: until}
    ledger.after_call(ENDPOINT, 429, 3600.0)
    assert ledger.not_before() == {ENDPOINT: until}


def test_calls_booked_in_the_future_are_not_waited_for(migrated: Database) -> None:
    clock = [(NOW + AHEAD).timestamp()]
    budget = RateBudget("spotify", 10, wall_clock=lambda: clock[0])
    waits = []
    for moment in (NOW + AHEAD, NOW, NOW, NOW):
        clock[0] = moment.timestamp()
        with migrated.write() as connection:
            waits.append(budget.take(connection))
    assert waits[:2] == [0.0, 0.0]
    assert 0.0 < waits[2] < waits[3] < 30.0


@pytest.fixture
def configured(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in, with the settings that lead to it and to the database."""
    for name, value in (settings_for(standin) | {"MOODLOG_DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)
    return standin


def test_leases_of_another_host_whose_clock_was_ahead_hold_nothing(
    configured: StandIn,
) -> None:
    with Workspace(now=lambda: NOW) as workspace:
        ids = connect_listeners(workspace, configured)
        accounts = Accounts(workspace.database)
        assert accounts.leases.acquire(ids, "another-host:7:x", now=NOW + AHEAD, for_s=600) == ids
        assert accounts.leases.acquire(ids, new_owner(), now=NOW, for_s=600) == ids
        accounts.leases.acquire(ids[-1:], "another-host:7:x", now=NOW + AHEAD, for_s=600)
        PersonErasure(workspace.database).begin(ids[-1], new_owner(), now=NOW)
        ahead = TokenRows(workspace.database, wall_clock=(NOW + AHEAD).timestamp)
        assert ahead.acquire_refresh_lease(ids[0], "x", 45.0)
        with workspace.database.write() as connection:
            connection.exec_driver_sql("UPDATE _accounts SET refresh_owner = 'another-host:7:x'")
        here = TokenRows(workspace.database, wall_clock=NOW.timestamp)
        assert here.acquire_refresh_lease(ids[0], "y", 45.0)
        assert not TokenRows(workspace.database, wall_clock=NOW.timestamp).acquire_refresh_lease(ids[0], "z", 45.0)


def test_a_miss_of_the_future_is_asked_about_and_its_date_put_right(migrated: Database, lake: Lake) -> None:
    batches, rows = Batches(lake, migrated), FeatureRows(migrated)
    batches.add(TRACKS, tracks("a"), now=NOW)
    for moment in (NOW, NOW + AHEAD, NOW + DAY):
        new = FeatureMiss("a", "reccobeats", "unknown", moment)
        batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, [new]), now=moment)
        miss = rows.past_misses(["a"])["a", "reccobeats"]
        assert miss.missed_at == moment
        assert is_due(miss, rest_at(NOW + DAY)) == (moment != NOW + DAY)
    assert miss.count == 3
    assert not is_due(replace(miss, missed_at=NOW + LATEST_PLAUSIBLE), rest_at(NOW))
    assert is_due(miss, rest_at(NOW + DAY + WAITS_AFTER_MISSES[2]))
    rebuild(lake, migrated, now=NOW + DAY)
    assert rows.past_misses(["a"])["a", "reccobeats"] == miss


def test_names_that_came_after_a_clock_was_ahead_meet_the_plays_that_wait(migrated: Database, lake: Lake) -> None:
    batches, rows = Batches(lake, migrated), ImportRows(migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(NAMED_PLAYS, _waiting("title a", "title b"), now=NOW)
    assert match_pending(rows, batches, now=NOW + AHEAD) == 0
    batches.add(TRACKS, tracks("a"), now=NOW + DAY)
    assert match_pending(rows, batches, now=NOW + 7 * DAY) == 1
    # By a clock that is behind, a name comes before what was done until then.
    batches.add(TRACKS, tracks("b"), now=NOW - 30 * DAY)
    assert match_pending(rows, batches, now=NOW + 8 * DAY) == 1


def _waiting(*titles: str) -> pa.Table:
    plays = [(to_ms(NOW) + number * 600_000, "somebody", title, 180_000) for number, title in enumerate(titles)]
    return named_table("ada", plays)


def test_a_batch_that_was_not_loaded_is_found_though_the_newest_is_of_the_future(
    migrated: Database, lake: Lake
) -> None:
    batches = Batches(lake, migrated)
    lake.write(TRACKS, tracks("left"), created_at=NOW)
    batches.add(TRACKS, tracks("ahead"), now=NOW + AHEAD)
    assert batches.finish(now=NOW + DAY) == 1
    assert verify(lake, migrated, now=NOW + DAY, deep=True).findings == []


def test_who_is_renamed_back_under_a_clock_put_back_keeps_that_name_after_a_rebuild(
    configured: StandIn,
) -> None:
    with Workspace(now=lambda: NOW) as workspace:
        (ada, *_) = connect_listeners(workspace, configured)
        account = the_account(workspace.accounts, ada)
        change_user(account, workspace.batches, now=NOW + AHEAD, timezone="Asia/Kolkata")
        for zone in ("Europe/Lisbon", "Asia/Kolkata", "Europe/Lisbon", "Asia/Kolkata", "America/Sao_Paulo"):
            change_user(account, workspace.batches, now=NOW, timezone=zone)
            assert the_account(workspace.accounts, ada).timezone == zone
        rebuild(workspace.lake, workspace.database, now=NOW)
        assert the_account(workspace.accounts, ada).timezone == zone


def test_a_month_that_a_wrong_clock_has_begun_is_merged_and_what_comes_later_stays_later(
    migrated: Database, lake: Lake
) -> None:
    batches = Batches(lake, migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(TRACKS, tracks("a"), now=NOW)
    for number, ms_played in enumerate((1000, 2000, 3000)):  # the first of them counts
        batches.add(LISTENS, _heard(ms_played), now=NOW + number * DAY if number else NOW + AHEAD)
    months = {path.split("/")[1] for path in lake.paths("listens")}
    assert months == {f"month={NOW + AHEAD:%Y-%m}"}
    assert compact(lake, migrated, now=NOW + 3 * DAY).files_after == 1
    batches.add(LISTENS, _heard(9000), now=NOW + 4 * DAY)
    assert compact(lake, migrated, now=NOW + 5 * DAY).files_after == 1
    assert _ms_played(migrated) == [1000]
    rebuild(lake, migrated, now=NOW + 5 * DAY)
    assert _ms_played(migrated) == [1000]
    assert verify(lake, migrated, now=NOW + 5 * DAY, deep=True).findings == []


def _heard(ms_played: int) -> pa.Table:
    return to_table(LISTENS, [Listen("ada", NOW, "a", ListenSource.EXTENDED_HISTORY, ms_played)])


def _ms_played(database: Database) -> list[int]:
    with database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT ms_played FROM listens")]


@pytest.mark.parametrize("plausible", [1, 0], ids=["one wrong time", "only times in the future"])
def test_a_polled_listen_in_the_future_is_quarantined(
    standin: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch, plausible: int
) -> None:
    """Only if others are not in the future: otherwise this machine's clock is behind, and the listens are right."""
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)
    now, track = standin.clock.now(), {"id": "a" * 22, "name": "A", "artists": [{"name": "B"}], "duration_ms": 9}
    times = [now + timedelta(days=900), *[now - DAY] * plausible]
    items = [{"track": track, "played_at": f"{time:%Y-%m-%dT%H:%M:%S.000Z}"} for time in times]
    with Workspace(now=standin.clock.now) as workspace:
        user_id = connect_listeners(workspace, standin)[0]
        standin.faults.add(Fault(FaultKind.WRONG_SHAPE, "recently_played", body=json.dumps({"items": items})))
        outcome = workspace.pulling()([user_id], now=now)[0]
        assert (outcome.new, outcome.skipped, outcome.problem) == (1, plausible, None)
        files = list((home / "quarantine").glob("*.ndjson"))
        assert len(files) == plausible
        assert all("in the future" in file.read_text() for file in files)

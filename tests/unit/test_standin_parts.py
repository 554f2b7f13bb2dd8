"""The stand-in's small parts: clock, faults, limits, tokens, call log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.records import from_ms, to_ms
from standin.accounts import is_loopback, refresh_ends_ms
from standin.calls import without_secrets
from standin.clock import Clock
from standin.faults import Fault, FaultKind, Faults
from standin.quota import RollingLimit
from standin.tokens import TokenOffice

START = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_frozen_clock_moves_only_on_request() -> None:
    clock = Clock(START, running=False)
    assert clock.now() == clock.now() == START
    assert clock.advance(timedelta(hours=3)) == START + timedelta(hours=3)
    clock.set(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_running_clock_goes_on_from_where_it_was_set() -> None:
    clock = Clock(START)
    first, second = clock.now(), clock.now()
    assert START <= first <= second < START + timedelta(minutes=5)
    clock.freeze()
    assert clock.now() == clock.now()
    clock.resume()
    assert clock.running


def test_the_clock_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        Clock(START).set(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_faults_hit_whom_and_how_often_they_are_meant_to() -> None:
    faults = Faults(seed=1)
    faults.add(Fault("server_error", endpoint="me", listener="ada-1", times=2, skip=1))
    hits = [faults.take("me", ("ada-1", "account")) is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert faults.as_json() == []


def test_faults_leave_other_endpoints_and_listeners_alone() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.SLOW, endpoint="me", listener="ada-1", times=None))
    assert faults.take("track", ("ada-1",)) is None
    assert faults.take("me", ("bruno-2",)) is None
    assert faults.take("me", ()) is None
    assert faults.take("me", ("ada-1",)) is not None
    faults.clear()
    assert faults.take("me", ("ada-1",)) is None


def test_chance_faults_are_seeded() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("slow", times=None, probability=0.5))
        return [faults.take("me", ()) is not None for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 60 < sum(hits(1)) < 140


def test_an_outage_lasts_from_one_time_to_another() -> None:
    clock = Clock(START, running=False)
    faults = Faults(now=clock.now)
    faults.add(Fault("server_error", times=None, starts_at="2026-11-01T01:00:00Z", ends_at=START + timedelta(days=1)))
    hits = []
    for hour in (0, 1, 23, 24):
        clock.set(START + timedelta(hours=hour))
        hits.append(faults.take("me", ()) is not None)
    assert hits == [False, True, True, False]
    assert faults.as_json()[0]["ends_at"] == "2026-11-02T00:00:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        Fault("slow", ends_at="2026-11-01T01:00:00")


def test_an_unknown_kind_of_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        Fault("earthquake")


def test_a_rolling_limit_counts_what_it_let_through() -> None:
    limit = RollingLimit(2, span_s=100)
    assert [limit.wait_s("a", now) for now in (0, 10, 20, 99)] == [0, 0, 80, 1]
    assert limit.wait_s("b", 20) == 0
    assert limit.wait_s("a", 100) == 0
    assert limit.wait_s("a", 100) == 10
    assert RollingLimit(None, 1).wait_s("a", 0) == 0
    assert RollingLimit(0, 60).wait_s("a", 0) == 60


def test_tokens_of_the_same_seed_are_read_by_another_process() -> None:
    now = to_ms(START)
    mine, yours, strange = (TokenOffice(seed, lambda: now) for seed in (7, 7, 8))
    grant = mine.new_grant("ada-1", "app", "user-read-recently-played")
    token = mine.issue(grant, "refresh")
    read = yours.read(token, "refresh")
    assert read is not None
    assert (read.listener, read.client_id, read.scope) == ("ada-1", "app", "user-read-recently-played")
    assert strange.read(token, "refresh") is None
    assert yours.read(token, "access") is None


@given(st.text(max_size=60))
def test_nonsense_is_no_token(text: str) -> None:
    assert TokenOffice(7, lambda: 0).read(text, "access") is None


@given(st.integers(0, 200), st.sampled_from("AZaz09-_."))
def test_a_changed_token_is_no_token(position: int, character: str) -> None:
    office = TokenOffice(7, lambda: 0)
    token = office.issue(office.new_grant("ada-1", "app", ""), "access")
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]
    assert (office.read(changed, "access") is None) == (changed != token)


@pytest.mark.parametrize(
    ("authorised", "ends"),
    [
        ("2026-01-15T10:00:00", "2026-07-15T10:00:00"),
        ("2026-08-31T10:00:00", "2027-02-28T10:00:00"),
        ("2027-08-31T10:00:00", "2028-02-29T10:00:00"),
        ("2026-07-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_a_refresh_token_lives_six_months(authorised: str, ends: str) -> None:
    start, end = (datetime.fromisoformat(text + "+00:00") for text in (authorised, ends))
    assert from_ms(refresh_ends_ms(to_ms(start))) == end


@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        ("http://127.0.0.1:8888/callback", True),
        ("http://[::1]:8888/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://localhost:8888/callback", False),
        ("http://127.0.0.1.example.org/callback", False),
        ("http://192.168.0.4:8888/callback", False),
        ("127.0.0.1:8888", False),
        ("http://127.0.0.1:notaport/", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_are_redirected_to(uri: str, *, taken: bool) -> None:
    assert is_loopback(uri) is taken


def test_the_call_log_hides_secrets() -> None:
    assert without_secrets("limit=50&code=abc&state=s&before=1") == "limit=50&code=%2A%2A%2A&state=%2A%2A%2A&before=1"

"""Refreshing against the stand-in, which rotates and forgets as Spotify does: half a year of it, and crashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mood_core.errors import ReauthorisationNeeded
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.tokens import Token, TokenCipher
from standin import Fault, StandIn
from tests.contract.refreshing import GOOD, Worker
from tests.contract.spotify_fakes import MemoryTokens, serving, stored

START = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn(seed=3, catalogue_size=400, listeners=1, now=START, frozen=True) as running:
        yield running


def connected(standin: StandIn, repository: MemoryTokens, cipher: TokenCipher) -> None:
    answer = standin.issue_tokens(standin.listeners[0].account_id, client_id="client-1")
    now = standin.clock.now()
    fresh = Token(answer["access_token"], answer["refresh_token"], now + timedelta(hours=1), answer["scope"], now)
    store_new_token("person", fresh, repository, cipher)


def test_refreshes_go_on_for_half_a_year_and_end_then(
    standin: StandIn, repository: MemoryTokens, cipher: TokenCipher
) -> None:
    connected(standin, repository, cipher)
    worker = Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now)
    seen = set()
    for _ in range(60):
        standin.clock.advance(timedelta(days=3))
        seen.add(worker.tokens.access_token())
    assert len(seen) == 60
    assert stored(repository, cipher, "person").authorised_at == START
    standin.clock.advance(timedelta(days=3))
    with pytest.raises(ReauthorisationNeeded):
        worker.tokens.access_token()
    assert list(repository.marked) == ["person"]


class Killed(BaseException):
    """The process ends here."""


def test_a_crash_after_the_answer_and_before_the_write_is_the_one_window(
    standin: StandIn, repository: MemoryTokens, cipher: TokenCipher
) -> None:
    """Where the service has rotated, only the person can help, and the account says so."""
    connected(standin, repository, cipher)
    standin.clock.advance(timedelta(hours=2))

    def killed() -> None:
        raise Killed

    repository.before_write = killed
    with pytest.raises(Killed):
        Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now).tokens.access_token()
    repository.before_write = lambda: None
    survivor = Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now)
    with pytest.raises(ReauthorisationNeeded):
        survivor.tokens.access_token()
    assert list(repository.marked) == ["person"]


def test_a_crash_where_the_service_does_not_rotate_costs_nothing(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    def killed() -> None:
        raise Killed

    with serving(GOOD) as server:
        repository.before_write = killed
        with pytest.raises(Killed):
            Worker(server.url, repository, cipher).tokens.access_token()
        repository.before_write = lambda: None
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"
    assert repository.marked == {}


def test_a_crash_after_the_write_costs_nothing(standin: StandIn, repository: MemoryTokens, cipher: TokenCipher) -> None:
    connected(standin, repository, cipher)
    standin.clock.advance(timedelta(hours=2))
    Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now).tokens.access_token()
    standin.clock.advance(timedelta(hours=2))
    assert Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now).tokens.access_token()


def test_an_answer_that_is_lost_before_spotify_has_rotated_costs_nothing(
    standin: StandIn, repository: MemoryTokens, cipher: TokenCipher
) -> None:
    connected(standin, repository, cipher)
    standin.clock.advance(timedelta(hours=2))
    standin.faults.add(Fault("cut_before_answer", endpoint="token"))
    worker = Worker(standin.accounts_url, repository, cipher, clock=standin.clock.now)
    assert worker.tokens.access_token()
    assert repository.marked == {}

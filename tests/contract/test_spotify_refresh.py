"""Refreshing tokens over real HTTP: rotation, many workers at once, failures and permissions that end."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from mood_core.errors import (
    ConfigError,
    MoodlogError,
    QuotaExceeded,
    ReauthorisationNeeded,
    StoreBusy,
    StoreError,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.tokens import Token, TokenCipher
from tests.contract.refreshing import EXPIRED, GOOD, Rotating, Worker
from tests.contract.spotify_fakes import AUTHORISED_AT, MemoryTokens, Reply, Seen, serving, stored, token


def test_a_good_token_needs_no_call(repository: MemoryTokens, cipher: TokenCipher) -> None:
    store_new_token("person", token(), repository, cipher)
    with serving(answer=Rotating()) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-1"
    assert server.seen == []


def test_a_refresh_stores_the_rotated_token_and_keeps_the_day_of_consent(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    with serving(answer=Rotating()) as server:
        worker = Worker(server.url, repository, cipher)
        assert worker.tokens.access_token() == "access-2"
        assert worker.tokens.access_token() == "access-2"
    kept = stored(repository, cipher, "person")
    assert (kept.refresh_token, kept.scope, kept.authorised_at) == ("refresh-2", "s", AUTHORISED_AT)
    assert timedelta(minutes=30) < kept.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert worker.ledger.before == ["token"]
    assert repository.leases == {}


@pytest.mark.parametrize("given", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": 7}])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token, given: dict[str, object]
) -> None:
    with serving(Reply(body={"access_token": "access-2", "expires_in": 3600, **given})) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"
    kept = stored(repository, cipher, "person")
    assert (kept.refresh_token, kept.scope) == ("refresh-1", expired.scope)


def test_without_a_secret_the_form_names_the_client(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    with serving(answer=Rotating()) as server:
        Worker(server.url, repository, cipher).tokens.access_token()
    (seen,) = server.seen
    assert seen.path == "/api/token"
    assert seen.form == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "client-1"}
    assert "Authorization" not in seen.headers


def test_with_a_secret_it_is_sent_as_http_basic(repository: MemoryTokens, cipher: TokenCipher, expired: Token) -> None:
    with serving(answer=Rotating()) as server:
        Worker(server.url, repository, cipher, secret="sss").tokens.access_token()
    assert server.seen[0].headers["Authorization"] == "Basic Y2xpZW50LTE6c3Nz"
    assert "client_secret" not in server.seen[0].form


def test_the_rotated_token_is_stored_before_any_caller_sees_the_new_access_token(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    seen: list[str] = []

    def fails() -> None:
        seen.append(stored(repository, cipher, "person").refresh_token)
        raise StoreError("the disk is full")

    repository.before_write = fails
    with serving(answer=Rotating()) as server, pytest.raises(StoreError, match="disk"):
        Worker(server.url, repository, cipher).tokens.access_token()
    assert seen == ["refresh-1"]
    assert repository.leases == {}


def test_a_repository_that_is_busy_is_asked_again(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    tries: list[None] = []

    def busy() -> None:
        tries.append(None)
        if len(tries) < 4:
            raise StoreBusy("locked")

    repository.before_write = busy
    with serving(answer=Rotating()) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"
    assert len(server.seen) == 1
    assert stored(repository, cipher, "person").refresh_token == "refresh-2"


def test_a_token_that_could_not_be_stored_is_stored_by_the_next_call(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    def busy() -> None:
        raise StoreBusy("locked")

    repository.before_write = busy
    with serving(answer=Rotating()) as server:
        worker = Worker(server.url, repository, cipher)
        with pytest.raises(StoreBusy):
            worker.tokens.access_token()
        repository.before_write = lambda: None
        assert worker.tokens.access_token() == "access-2"
    assert len(server.seen) == 1
    assert stored(repository, cipher, "person").refresh_token == "refresh-2"


def test_a_left_over_token_gives_way_to_a_reconnect(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    def broken() -> None:
        raise StoreError("broken")

    repository.before_write = broken
    with serving(answer=Rotating()) as server:
        worker = Worker(server.url, repository, cipher)
        with pytest.raises(StoreError):
            worker.tokens.access_token()
        repository.before_write = lambda: None
        store_new_token("person", token("reconnected", "refresh-new"), repository, cipher)
        assert worker.tokens.access_token() == "reconnected"
    assert stored(repository, cipher, "person").refresh_token == "refresh-new"


@pytest.mark.parametrize("workers", [2, 8])
def test_workers_that_refresh_at_once_spend_the_refresh_token_once(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token, workers: int
) -> None:
    endpoint = Rotating(delay_s=0.1)
    got: list[str] = []
    start = threading.Barrier(workers)
    with serving(answer=endpoint) as server:

        def work() -> None:
            worker = Worker(server.url, repository, cipher, sleep=lambda _: time.sleep(0.01))
            start.wait()
            got.append(worker.tokens.access_token())

        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == ["access-2"] * workers
    assert endpoint.spent == ["refresh-1"]
    assert repository.writes == ["person"]
    assert repository.marked == {}


def test_workers_whose_token_is_rejected_at_once_renew_it_once(repository: MemoryTokens, cipher: TokenCipher) -> None:
    store_new_token("person", token(), repository, cipher)
    endpoint = Rotating(delay_s=0.05)
    with serving(answer=endpoint) as server:
        workers = [Worker(server.url, repository, cipher, sleep=lambda _: time.sleep(0.01)) for _ in range(4)]
        old = {worker.tokens.access_token() for worker in workers}
        got: list[str] = []
        threads = [
            threading.Thread(target=lambda one=worker: got.append(one.tokens.renewed("access-1"))) for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert old == {"access-1"}
    assert got == ["access-2"] * 4
    assert endpoint.spent == ["refresh-1"]


def test_a_lease_that_another_worker_left_behind_is_waited_for(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    repository.acquire_refresh_lease("person", "crashed", 0.2)
    with serving(answer=Rotating()) as server:
        worker = Worker(server.url, repository, cipher, sleep=lambda _: time.sleep(0.02))
        assert worker.tokens.access_token() == "access-2"


def test_a_lease_that_never_ends_is_not_waited_for_without_end(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    repository.acquire_refresh_lease("person", "stuck", 10_000)
    waits: list[float] = []
    with serving(answer=Rotating()) as server, pytest.raises(Unavailable, match="Another worker"):
        Worker(server.url, repository, cipher, sleep=waits.append).tokens.access_token()
    assert sum(waits) < 60
    assert server.seen == []


def test_a_worker_that_slept_through_its_lease_takes_the_newer_token(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    """It gets ``invalid_grant`` for the token that another worker spent, and the account stays whole."""
    endpoint = Rotating()

    def overtaken(seen: Seen) -> Reply:
        if endpoint.spent:
            return endpoint(seen)
        endpoint(seen)  # the other worker's refresh
        newer = token("access-2", "refresh-2")
        repository.write("person", cipher.encrypt(newer.to_json()), authorised_at=AUTHORISED_AT, expected_version=1)
        return endpoint(seen)

    with serving(answer=overtaken) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"
    assert repository.marked == {}


def test_the_token_is_read_again_under_the_lease(cipher: TokenCipher) -> None:
    """Another worker's whole refresh fits between reading and claiming."""

    class Overtaken(MemoryTokens):
        def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
            newer = token("access-2", "refresh-2")
            self.write("person", cipher.encrypt(newer.to_json()), authorised_at=AUTHORISED_AT, expected_version=1)
            return super().acquire_refresh_lease(user_id, owner, for_s)

    repository = Overtaken()
    store_new_token("person", token(lives=EXPIRED), repository, cipher)
    with serving(answer=Rotating()) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"
    assert server.seen == []


def test_a_reconnect_during_a_refresh_wins(repository: MemoryTokens, cipher: TokenCipher, expired: Token) -> None:
    def reconnected(_: Seen) -> Reply:
        store_new_token("person", token("reconnected", "refresh-new"), repository, cipher)
        return Reply(body={"access_token": "late", "refresh_token": "refresh-late", "expires_in": 3600})

    with serving(answer=reconnected) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "reconnected"
    assert stored(repository, cipher, "person").refresh_token == "refresh-new"


def test_an_ended_permission_is_marked_and_never_asked_for_again(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    revoked = Reply(400, {"error": "invalid_grant", "error_description": "Refresh token revoked"})
    with serving(revoked) as server, pytest.raises(ReauthorisationNeeded, match="Refresh token revoked"):
        Worker(server.url, repository, cipher).tokens.access_token()
    assert len(server.seen) == 1
    assert list(repository.marked) == ["person"]
    assert repository.leases == {}


def test_a_wrong_client_is_a_configuration_error_and_marks_nobody(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token
) -> None:
    refused = Reply(400, {"error": "invalid_client", "error_description": "Invalid client secret"})
    with serving(refused) as server, pytest.raises(ConfigError, match="Invalid client secret"):
        Worker(server.url, repository, cipher).tokens.access_token()
    assert repository.marked == {}


@pytest.mark.parametrize(
    "failure",
    [Reply(503), Reply(429, headers={"Retry-After": "2"}), Reply(body={"access_token": "x" * 40}, cut=10)],
)
def test_a_short_failure_of_the_token_endpoint_is_repeated(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token, failure: Reply
) -> None:
    waits: list[float] = []
    held: list[bool] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        held.append("person" in repository.leases)

    with serving(failure, failure, GOOD) as server:
        worker = Worker(server.url, repository, cipher, sleep=sleep)
        assert worker.tokens.access_token() == "access-2"
    assert worker.ledger.before == ["token"] * 3
    assert held == [False, False]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(body="{"), UnexpectedPayload),
        (Reply(body=[]), UnexpectedPayload),
        (Reply(body={"access_token": "a"}), UnexpectedPayload),
        (Reply(body={"expires_in": 3600}), UnexpectedPayload),
        (Reply(body={"access_token": "a", "expires_in": None}), UnexpectedPayload),
        (Reply(429, headers={"Retry-After": "9000"}), QuotaExceeded),
        (Reply(500), Unavailable),
        (Reply(303, headers={"Location": "/login"}), UnexpectedPayload),
        (Reply(404, "<html>"), MoodlogError),
    ],
)
def test_other_answers_of_the_token_endpoint_leave_the_stored_token_alone(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token, reply: Reply, kind: type[MoodlogError]
) -> None:
    with serving(reply) as server, pytest.raises(kind):
        Worker(server.url, repository, cipher).tokens.access_token()
    assert stored(repository, cipher, "person") == expired
    assert (repository.marked, repository.leases) == ({}, {})


@pytest.mark.parametrize("expires_in", [0, -5, 1.5, 10**12, 10**400])
def test_any_lifetime_is_survived(
    repository: MemoryTokens, cipher: TokenCipher, expired: Token, expires_in: float
) -> None:
    with serving(Reply(body={"access_token": "access-2", "expires_in": expires_in})) as server:
        assert Worker(server.url, repository, cipher).tokens.access_token() == "access-2"


def test_a_lost_token_key_is_reported(repository: MemoryTokens, expired: Token) -> None:
    other = TokenCipher([TokenCipher.generate_key()])
    with serving(GOOD) as server, pytest.raises(ConfigError, match="MOODLOG_TOKEN_KEY"):
        Worker(server.url, repository, other).tokens.access_token()


def test_an_account_that_the_repository_does_not_know_cannot_get_a_token(cipher: TokenCipher) -> None:
    class Empty(MemoryTokens):
        def write(
            self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None
        ) -> bool:
            return False

    with pytest.raises(StoreError, match="person"):
        store_new_token("person", token(), Empty(), cipher)

"""A model of many workers, a token endpoint that rotates, and everything that can go wrong between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mood_core.domain.records import StoredToken
from mood_core.errors import ReauthorisationNeeded, StoreBusy, Unavailable
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import AccountTokens, store_new_token
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import Token, TokenCipher

START = datetime(2026, 11, 1, tzinfo=UTC)
CIPHER = TokenCipher([TokenCipher.generate_key()])
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The process ends here."""


class Endpoint(TokenService):
    """Takes each refresh token once; ``troubles`` hit the next calls, one each."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.valid = ""
        self.count = 0
        self.troubles: list[str] = []

    def consent(self) -> Token:
        """What the person's consent gives."""
        return self._issue(Token("", "", self.clock(), "s", self.clock()))

    def _issue(self, token: Token) -> Token:
        self.count += 1
        self.valid = f"refresh-{self.count}"
        return token.refreshed(f"access-{self.count}", self.valid, self.clock() + HOUR, None)

    def refresh(self, token: Token, persist: Callable[[Token], None]) -> Token:
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "unreachable":
            raise Unavailable("unreachable", source="spotify")
        if token.refresh_token != self.valid:
            raise ReauthorisationNeeded("invalid_grant", source="spotify")
        fresh = self._issue(token)
        if trouble == "answer lost":
            raise Unavailable("the answer is lost", source="spotify")
        if trouble == "killed":
            raise Killed
        persist(fresh)
        return fresh


class Repository:
    """Keeps one account's token; ``busy`` makes the next writes fail."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.entry: StoredToken | None = None
        self.lease: tuple[str, datetime] | None = None
        self.marked = False
        self.busy = 0

    def read(self, user_id: str) -> StoredToken | None:
        return self.entry

    def write(self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None) -> bool:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("busy")
        version = self.entry.version if self.entry else 0
        if expected_version not in (None, version):
            return False
        self.entry = StoredToken(ciphertext, version + 1)
        self.marked = self.marked and expected_version is not None
        self.lease = self.lease if expected_version is None else None
        return True

    def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
        if self.lease is not None and self.lease[0] != owner and self.clock() < self.lease[1]:
            return False
        self.lease = (owner, self.clock() + timedelta(seconds=for_s))
        return True

    def release_refresh_lease(self, user_id: str, owner: str) -> None:
        if self.lease is not None and self.lease[0] == owner:
            self.lease = None

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        self.marked = True


class Workers(RuleBasedStateMachine):
    """Workers use one account alternately, each for one call."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.endpoint = Endpoint(lambda: self.now)
        self.repository = Repository(lambda: self.now)
        self.workers = [self._worker() for _ in range(3)]
        self.lost = False
        """Whether Spotify rotated the token and nobody could store it."""

    def _worker(self) -> AccountTokens:
        policy = RetryPolicy(sleep=self._sleep)
        return AccountTokens("person", self.repository, CIPHER, self.endpoint, retry=policy, clock=lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def stored(self) -> Token:
        assert self.repository.entry is not None
        return Token.from_json(CIPHER.decrypt(self.repository.entry.ciphertext))

    @initialize()
    def connect(self) -> None:
        store_new_token("person", self.endpoint.consent(), self.repository, CIPHER)

    @rule()
    def reconnect(self) -> None:
        self.repository.busy = 0
        store_new_token("person", self.endpoint.consent(), self.repository, CIPHER)
        self.lost = False

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(troubles=st.lists(st.sampled_from(["", "unreachable"]), max_size=6), busy=st.integers(0, 5))
    def trouble_that_costs_nothing(self, troubles: list[str], busy: int) -> None:
        self.endpoint.troubles = troubles
        self.repository.busy = busy

    @rule(trouble=st.sampled_from(["answer lost", "killed"]))
    def trouble_that_costs_the_token(self, trouble: str) -> None:
        self.endpoint.troubles = [trouble]

    @rule(worker=st.integers(0, 2))
    def killed_under_lease(self, worker: int) -> None:
        """A worker that acquired the lease and died before it asked."""
        self.repository.acquire_refresh_lease("person", f"dead-{worker}", 45)

    @rule(worker=st.integers(0, 2), rejected=st.booleans())
    def ask(self, worker: int, rejected: bool) -> None:
        tokens = self.workers[worker]
        generation = self.endpoint.count
        asked_at = self.now
        try:
            token = tokens.renewed(self.stored.access_token) if rejected else tokens.access_token()
        except Killed:
            self.workers[worker] = self._worker()
            self.repository.lease = None if self.repository.lease is None else ("dead", self.now)
            self.lost = True
        except ReauthorisationNeeded:
            self.lost = self.lost or self.endpoint.count > generation
            assert self.lost, "an account that could have been refreshed was given up"
            assert self.repository.marked
        except Unavailable:
            self.lost = self.lost or self.endpoint.count > generation
        except StoreBusy:
            self.lost = True  # until this worker's next call
        else:
            assert token.startswith("access-")
            assert self.now - asked_at < timedelta(minutes=5)
            self.lost = self.lost and self.stored.refresh_token != self.endpoint.valid

    @precondition(lambda self: not self.lost and not self.endpoint.troubles and not self.repository.busy)
    @rule(worker=st.integers(0, 2))
    def a_whole_account_always_gets_its_token(self, worker: int) -> None:
        self.workers[worker].renewed(self.stored.access_token)
        assert self.stored.refresh_token == self.endpoint.valid
        assert not self.repository.marked

    @invariant()
    def the_day_of_consent_never_moves_by_itself(self) -> None:
        if self.repository.entry is not None:
            assert self.stored.authorised_at <= self.now

    @invariant()
    def what_is_stored_can_be_spent_unless_it_was_lost(self) -> None:
        if self.repository.entry is not None and not self.lost:
            assert self.stored.refresh_token == self.endpoint.valid


TestWorkers = Workers.TestCase
TestWorkers.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

"""Clients of Spotify for a simulated life: in this process, for speed, and over HTTP to the stand-in, for realism."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenClient, ListenWindow
from mood_core.domain.records import Listen, ListenSource, Track, User
from mood_core.errors import ReauthorisationNeeded, Unavailable
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.client import SpotifyClients
from mood_core.usecases.people.connect_account import register_user
from standin import Fault, FaultKind, StandIn, TrueListen
from standin.clock import Clock
from standin.listeners import Listener
from tests.life.scenario import Scenario
from tests.life.timeline import WINDOW, Timeline
from tests.nights import token_of


class Spotify(Protocol):
    """How a life reaches Spotify. People are named by their account id, which is their user id."""

    def at(self, moment: datetime) -> None:
        """It is ``moment`` now."""
        ...

    def consent(self, user_id: str) -> None:
        """The person connects, or reconnects after their permission died."""
        ...

    def withdraw(self, user_id: str) -> None:
        """The person's permission dies."""
        ...

    def client_of(self, user_id: str) -> ListenClient:
        """What pulling uses."""
        ...


@dataclass(slots=True)
class InProcess:
    """Hands out windows of the timelines. No HTTP, no tokens: thousands of simulated days a minute."""

    workspace: Workspace
    scenario: Scenario
    clock: Clock
    people: Mapping[str, Listener]
    timelines: Mapping[str, Timeline]
    _dead: set[str] = field(default_factory=set)

    def at(self, moment: datetime) -> None:
        self.clock.set(moment)

    def consent(self, user_id: str) -> None:
        self._dead.discard(user_id)
        known = {account.user_id: account.timezone for account in self.workspace.accounts.all([user_id])}
        person = self.people[user_id]
        user = User(user_id, person.display_name, known.get(user_id, person.timezone), self.clock.now())
        register_user(user, self._keep, self.workspace.batches, now=self.clock.now())

    def _keep(self, user_id: str) -> None:
        self.workspace.tokens.write(user_id, b"-", authorised_at=self.clock.now(), expected_version=None)

    def withdraw(self, user_id: str) -> None:
        self._dead.add(user_id)

    def client_of(self, user_id: str) -> ListenClient:
        return _InProcessClient(self, user_id)

    def window(self, user_id: str) -> ListenWindow:
        if any(self.clock.now() in span for span in self.scenario.service_down):
            raise Unavailable("Spotify is down", source="spotify")
        if user_id in self._dead:
            tokens = self.workspace.tokens
            version = stored.version if (stored := tokens.read(user_id)) else 0
            tokens.mark_reauthorisation_needed(user_id, "the permission has ended", expected_version=version)
            raise ReauthorisationNeeded("the permission has ended", source="spotify")
        shown = self.timelines[user_id].shown(self.clock.now())
        listens = tuple(Listen(user_id, play.played_at, play.track_id, ListenSource.RECENTLY_PLAYED) for play in shown)
        tracks = {play.track_id: _track(play) for play in shown}
        oldest = shown[0].played_at if shown else None
        return ListenWindow(listens, tuple(tracks.values()), (), len(shown) == WINDOW, oldest)


@dataclass(frozen=True, slots=True)
class _InProcessClient:
    spotify: InProcess
    user_id: str

    def recently_played(self) -> ListenWindow:
        return self.spotify.window(self.user_id)


def _track(play: TrueListen) -> Track:
    return Track(play.track_id, f"title of {play.track_id}", ("somebody",), duration_ms=200_000)


class OverHttp:
    """The real client against the stand-in: tokens that expire and rotate, faults, quotas, JSON."""

    def __init__(self, workspace: Workspace, scenario: Scenario, standin: StandIn) -> None:
        self._workspace, self._standin = workspace, standin
        self._by_account = {person.account_id: person for person in standin.listeners}
        # Short waits are over at once: the stand-in's clock stands still while they last.
        self.clients = SpotifyClients(
            workspace.spotify_app,
            workspace.tokens,
            workspace.cipher,
            ledger=workspace.calls,
            retry=RetryPolicy(sleep=lambda _: None),
            clock=workspace.now,
        )
        workspace.spotify = self.clients
        for span in scenario.service_down:
            standin.faults.add(
                Fault(FaultKind.SERVER_ERROR, times=None, starts_at=span.begins, ends_at=span.ends),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clients.close()

    def at(self, moment: datetime) -> None:
        self._standin.clock.set(moment)

    def consent(self, user_id: str) -> None:
        person = self._by_account[user_id]
        known = {account.user_id: account.timezone for account in self._workspace.accounts.all([user_id])}
        answer = self._standin.issue_tokens(person.listener_id, client_id="tests")
        token = token_of(answer, self._workspace.now())
        self._workspace.connect(token, known.get(user_id, person.timezone))

    def withdraw(self, user_id: str) -> None:
        self._standin.revoke(self._by_account[user_id].listener_id)

    def client_of(self, user_id: str) -> ListenClient:
        return self.clients.for_user(user_id)

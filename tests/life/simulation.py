"""Lives through a scenario as the half-hourly and the nightly schedule do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mood_core.app.workspace import Workspace
from mood_core.usecases.nightly.pull_listens import PullListens, PullOutcome
from mood_core.usecases.people.manage_users import change_user, the_account
from tests.life.clients import Spotify
from tests.life.expected import Expected
from tests.life.scenario import Scenario
from tests.life.timeline import Timeline

TICK = timedelta(minutes=30)
NIGHT = 3
"""The hour (UTC) of the nightly run, which pulls everybody."""


@dataclass(slots=True)
class Simulation:
    """One life. After :meth:`run`, ``expected`` and ``zones`` say what must be stored.

    Args:
        scenario: what happens when.
        workspace: moodlog, whose clock ``spotify`` moves.
        spotify: the client of Spotify.
        timelines: what is really played, by account id, in the order of the scenario's listener numbers.
        zones: everybody's first time zone.
    """

    scenario: Scenario
    workspace: Workspace
    spotify: Spotify
    timelines: Mapping[str, Timeline]
    zones: dict[str, str]
    expected: dict[str, Expected] = field(default_factory=dict)
    pulls: int = 0
    failures: int = 0
    _revoked: set[str] = field(default_factory=set)
    _watermarks: dict[str, datetime] = field(default_factory=dict)

    def run(self) -> None:
        """Live from the scenario's start to its end; nobody whom nothing ails may fail."""
        people = list(self.timelines)
        self.expected = {user_id: Expected() for user_id in people}
        self.spotify.at(self.scenario.starts_at)
        for user_id in people:
            self.spotify.consent(user_id)
        previous = self.scenario.starts_at
        for now in self._ticks():
            self.spotify.at(now)
            self._what_people_do(people, previous, now)
            if not any(now in span for span in self.scenario.machine_off):
                self.pull(now)
            previous = now
        self._last_look()

    def _ticks(self) -> Iterator[datetime]:
        for number in range(self.scenario.days * 48):
            yield self.scenario.starts_at + number * TICK

    def _what_people_do(self, people: list[str], previous: datetime, now: datetime) -> None:
        for index, span in self.scenario.revoked.items():
            if previous < span.begins <= now:
                self.spotify.withdraw(people[index])
                self._revoked.add(people[index])
            if previous < span.ends <= now and not self._is_down(now):
                self._reconnect(people[index])
        for user_id in sorted(self._overdue(people, now)):
            self._reconnect(user_id)
        for move in self.scenario.moves:
            if previous < move.at <= now:
                account = the_account(self.workspace.accounts, people[move.index])
                change_user(account, self.workspace.batches, now=now, timezone=move.timezone)
                self.zones[people[move.index]] = move.timezone

    def _overdue(self, people: list[str], now: datetime) -> set[str]:
        """Who would have reconnected while Spotify was down, and tries again now that it is not."""
        ended = {people[index] for index, span in self.scenario.revoked.items() if span.ends <= now}
        return set() if self._is_down(now) else self._revoked & ended

    def _reconnect(self, user_id: str) -> None:
        self.spotify.consent(user_id)
        self._revoked.discard(user_id)

    def _is_down(self, now: datetime) -> bool:
        return any(now in span for span in self.scenario.service_down)

    def pull(self, now: datetime) -> list[PullOutcome]:
        """Pull everybody who is due, check each outcome, and expect what the windows showed."""
        ids = self._due(now)
        outcomes = self._pull_listens()(ids, now=now)
        assert [outcome.user_id for outcome in outcomes] == ids
        for outcome in outcomes:
            self._check(outcome, now)
        return outcomes

    def _pull_listens(self) -> PullListens:
        workspace = self.workspace
        return PullListens(self.spotify.client_of, workspace.listens, workspace.accounts, workspace.batches)

    def _due(self, now: datetime) -> list[str]:
        accounts = [account for account in self.workspace.accounts.all() if account.state == "active"]
        for account in accounts:
            self._check_watermark(account.user_id, account.newest_listen_at)
        if now.hour == NIGHT and now.minute == 0:
            return [account.user_id for account in accounts]
        return self.workspace.accounts.due(now, daily_budget=self.workspace.settings.spotify_daily_budget)

    def _check(self, outcome: PullOutcome, now: datetime) -> None:
        self.pulls += 1
        ails = self._is_down(now) or outcome.user_id in self._revoked
        # A withdrawn permission works until the access token at hand has run out.
        assert outcome.problem is None or ails, outcome
        if outcome.problem is None:
            before = self.expected[outcome.user_id]
            known, gaps = len(before.stored), len(before.gaps)
            before.pulled(self.timelines[outcome.user_id], now)
            assert outcome.new == len(before.stored) - known
            assert outcome.gap == (len(before.gaps) > gaps)
        else:
            self.failures += 1

    def _check_watermark(self, user_id: str, newest: datetime | None) -> None:
        if newest is not None:
            assert newest >= self._watermarks.get(user_id, newest), "a watermark only grows"
            self._watermarks[user_id] = newest

    def _last_look(self) -> None:
        """At the end everybody is well again."""
        states = {account.state for account in self.workspace.accounts.all()}
        assert states == {"active"}

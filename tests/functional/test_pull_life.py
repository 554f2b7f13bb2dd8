"""Weeks of simulated life: every listen that was ever visible is stored once, and every loss lies in a recorded gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.bootstrap import Workspace
from mood_core.pipeline.pull_listens import PullListens
from mood_core.records import from_ms, to_ms
from mood_core.standin import StandIn, TrueListen
from tests.conftest import NOW
from tests.nights import connect_listeners, settings_for

WINDOW = 50


@dataclass
class Expected:
    """What one listener's pulls must have left, worked out from the truth and not from moodlog's code."""

    stored: set[tuple[int, str]] = field(default_factory=set)
    gaps: set[tuple[int, int]] = field(default_factory=set)

    def pulled(self, truth: list[TrueListen], at: datetime) -> None:
        """A pull at ``at``: the newest 50 listens visible then."""
        visible = sorted((to_ms(listen.played_at), listen.track_id) for listen in truth if listen.visible_at <= at)
        window = visible[-WINDOW:]
        before = max((moment for moment, _ in self.stored if window and moment < window[0][0]), default=None)
        if len(window) == WINDOW and before is not None and window[0] not in self.stored:
            self.gaps.add((before, window[0][0]))
        self.stored.update(window)


def _pull_times(days: int, outages: list[tuple[int, int]]) -> Iterator[datetime]:
    """Every two hours, but not while this machine was off (from hour to hour)."""
    for hour in range(0, days * 24, 2):
        if not any(begin <= hour < end for begin, end in outages):
            yield NOW + timedelta(hours=hour)


def _live(
    standin: StandIn, home: Path, monkeypatch: pytest.MonkeyPatch, days: int, outages: list[tuple[int, int]]
) -> None:
    for name, value in (settings_for(standin) | {"MOODLOG_SPOTIFY_DAILY_BUDGET": "0"}).items():
        monkeypatch.setenv(name, value)
    expected = {listener.account_id: Expected() for listener in standin.listeners}
    with Workspace(now=lambda: standin.clock.now().replace(microsecond=0)) as workspace:
        ids = connect_listeners(workspace, standin)
        pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
        watermarks = dict.fromkeys(ids, NOW - timedelta(days=365))
        for moment in _pull_times(days, outages):
            standin.clock.set(moment)
            assert all(outcome.problem is None for outcome in pull(ids, now=moment))
            for listener in standin.listeners:
                truth = standin.truth(listener.listener_id, NOW - timedelta(days=20), moment)
                expected[listener.account_id].pulled(truth, moment)
                watermark = workspace.accounts.all([listener.account_id])[0].newest_listen_at
                assert watermark is not None
                assert watermark >= watermarks[listener.account_id], "a watermark only grows"
                watermarks[listener.account_id] = watermark
        stored, gaps = _stored(workspace)
    assert any(gaps.values()), "a life without gaps proves nothing about them"
    for listener in standin.listeners:
        account = listener.account_id
        assert sorted(stored[account]) == sorted(expected[account].stored)
        assert gaps.get(account, set()) == expected[account].gaps
        first = min(moment for moment, _ in stored[account])
        truth = standin.truth(listener.listener_id, from_ms(first), moment)
        for listen in truth:
            lost = (to_ms(listen.played_at), listen.track_id) not in set(stored[account])
            on_time = listen.visible_at - listen.played_at < timedelta(minutes=10)
            if lost and on_time and listen.visible_at <= moment:
                played = to_ms(listen.played_at)
                assert any(begin < played < end for begin, end in gaps[account]), "a loss that no gap tells of"


def _stored(workspace: Workspace) -> tuple[dict[str, list[tuple[int, str]]], dict[str, set[tuple[int, int]]]]:
    stored: dict[str, list[tuple[int, str]]] = {}
    gaps: dict[str, set[tuple[int, int]]] = {}
    with workspace.database.read() as connection:
        for row in connection.execute(text("SELECT user_id, played_at_ms, track_id FROM mood_history")):
            stored.setdefault(row.user_id, []).append((row.played_at_ms, row.track_id))
        query = (
            "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms FROM gaps AS g JOIN users AS u ON u.user_key = g.user_key"
        )
        for row in connection.execute(text(query)):
            gaps.setdefault(row.user_id, set()).add((row.starts_at_ms, row.ends_at_ms))
    return stored, gaps


def test_a_week_with_bursts_and_a_day_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(seed=21, listeners=3, now=NOW, frozen=True, burst_share=0.3) as standin:
        _live(standin, home, monkeypatch, days=7, outages=[(60, 90)])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_of_ten_listeners(home: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    with StandIn(seed=seed, listeners=10, now=NOW, frozen=True, burst_share=0.15) as standin:
        _live(standin, home, monkeypatch, days=30, outages=[(50, 80), (200, 224), (500, 590)])

"""A month of simulated lives: every listen ever shown is stored once, every possible gap is recorded, and no other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.app.workspace import Workspace
from mood_core.usecases.upkeep.verify_lake import verify
from standin import StandIn
from standin.clock import Clock
from standin.world import World
from tests.life.clients import InProcess, OverHttp
from tests.life.expected import check_everything
from tests.life.scenario import START, Scenario, invent
from tests.life.simulation import Simulation
from tests.life.timeline import timelines
from tests.nights import settings_for

BURSTS = 0.15
"""The share of days on which somebody plays some 200 tracks."""


def _live_in_process(home: Path, scenario: Scenario) -> Simulation:
    world = World(scenario.seed, scenario.listeners, burst_share=BURSTS)
    clock = Clock(scenario.starts_at, running=False)
    with Workspace(now=clock.now) as workspace:
        lives = timelines(world, scenario)
        people = {person.account_id: person for person in world.listeners()}
        spotify = InProcess(workspace, scenario, clock, people, lives)
        simulation = Simulation(scenario, workspace, spotify, lives, {id_: one.timezone for id_, one in people.items()})
        simulation.run()
        check_everything(workspace, simulation.expected, simulation.zones)
        found = verify(workspace.lake, workspace.database, now=clock.now())
        assert found.findings == []
    return simulation


def _live_over_http(
    home: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch, budget: int | None = None
) -> Simulation:
    with StandIn(
        seed=scenario.seed, listeners=scenario.listeners, now=scenario.starts_at, frozen=True, burst_share=BURSTS
    ) as standin:
        for name, value in (settings_for(standin) | {"MOODLOG_SPOTIFY_DAILY_BUDGET": str(budget or 0)}).items():
            monkeypatch.setenv(name, value)
        with Workspace(now=standin.clock.now) as workspace:
            lives = timelines(standin.world, scenario)
            zones = {person.account_id: person.timezone for person in standin.listeners}
            with OverHttp(workspace, scenario, standin) as spotify:
                simulation = Simulation(scenario, workspace, spotify, lives, zones)
                simulation.run()
            check_everything(workspace, simulation.expected, simulation.zones)
    return simulation


def _proves_something(simulation: Simulation) -> None:
    """A life without losses, gaps, failures and changes of clocks would prove nothing about them."""
    histories = simulation.expected.values()
    assert any(history.gaps for history in histories)
    assert any(history.knowable for history in histories)
    assert simulation.failures


def test_six_days_of_six_listeners_while_clocks_go_back(home: Path) -> None:
    scenario = invent(8, listeners=6, days=6, starts_at=START + timedelta(days=12))
    _proves_something(_live_in_process(home, scenario))


def test_four_days_of_three_listeners_over_http(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _live_over_http(home, invent(3, listeners=3, days=4), monkeypatch).failures


@pytest.mark.slow
def test_a_month_of_fifty_listeners(home: Path) -> None:
    _proves_something(_live_in_process(home, invent(1, listeners=50, days=30)))


@pytest.mark.slow
def test_a_month_of_five_listeners_over_http_within_the_daily_budget(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _proves_something(_live_over_http(home, invent(2, listeners=5, days=30), monkeypatch, budget=150))

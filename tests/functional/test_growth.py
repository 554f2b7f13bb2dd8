"""A step of a night or a pull costs the same among more accounts, tracks and listens.

What is counted are the instructions of SQLite's virtual machine, so no clock decides.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from mood_core.store import Database
from mood_core.store.queries import accounts, operations
from mood_core.store.queries.accounts import Accounts
from mood_core.usecases.upkeep import check_health
from tests.benchmarks import bench_growth
from tests.benchmarks.bench_growth import HOUR_MS, Step, _World, exponent, measured

SIZES = {"accounts": [1000, 16_000], "tracks": [1000, 16_000], "listens": [80_000, 640_000]}

_EACH = 100
_MOST = 0.1
_GROWING = {"page of a person": 0.6}  # a row for each day of the person's own history


def instructions(database: Database, step: Step) -> float:
    """The hundreds of instructions that SQLite runs for the second ``step``; the first fills caches."""
    counted = 0

    def instruct() -> int:
        nonlocal counted
        counted += 1
        return 0

    def watch(connection: Any, *_: object) -> None:
        connection.set_progress_handler(instruct, _EACH)

    step()
    event.listen(database.engine, "checkout", watch)
    step()
    event.remove(database.engine, "checkout", watch)
    return 10 + counted  # a step of few instructions may not grow by chance


@pytest.mark.parametrize("kind", SIZES)
def test_no_step_grows_with_what_it_does_not_need(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MOST_COUNTED", 500)  # a count stops at 100,000
    monkeypatch.setattr(operations, "MOST_COUNTED", 500)
    monkeypatch.setattr(check_health, "_MOST_NAMES", 400)
    monkeypatch.setattr(bench_growth, "EVERY_MS", HOUR_MS)  # the smaller size has more than 30 days
    costs = measured(kind, SIZES[kind], instructions)
    growth = {name: exponent(SIZES[kind], of) for name, of in costs.items()}
    assert len(growth) >= 3
    assert {name: (found, costs[name]) for name, found in growth.items() if found > _GROWING.get(name, _MOST)} == {}


def test_a_step_that_reads_everybody_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_World, "steps_of_accounts", lambda world: iter([("all", Accounts(world.database).all)]))
    costs = measured("accounts", SIZES["accounts"], instructions)
    assert exponent(SIZES["accounts"], costs["all"]) > _MOST

"""A step of a night or a pull costs the same among more accounts, tracks and listens.

What is counted are the instructions of SQLite's virtual machine, so no clock decides.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from mood_core.store import Database
from tests.benchmarks.bench_growth import Step, exponent, measured

SIZES = {"accounts": [1000, 16_000], "tracks": [1000, 16_000], "listens": [40_000, 320_000]}

_EACH = 100
_MOST = 0.1
_GROWING = {"count active": 1.1}
"""A night counts the active accounts to share the daily budget of calls among them: 30 ns each."""


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
def test_no_step_grows_with_what_it_does_not_need(kind: str) -> None:
    costs = measured(kind, SIZES[kind], instructions)
    growth = {name: exponent(SIZES[kind], of) for name, of in costs.items()}
    assert len(growth) >= 3
    assert {name: (found, costs[name]) for name, found in growth.items() if found > _GROWING.get(name, _MOST)} == {}


def test_a_step_that_reads_everybody_is_noticed() -> None:
    costs = measured("accounts", SIZES["accounts"], instructions)
    assert exponent(SIZES["accounts"], costs["count active"]) > _MOST

"""Which nightly runs are replaced."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed, Crashed, Failed, Running

from flows.serving.replacement_runs import ATTEMPTS, REPLACEMENT, failed_nightly_run

_UNREACHABLE: State[None] = Failed(message="Flow run encountered an exception: StoreUnreachable: no answer")


def _run(state: State[None], *tags: str, people: tuple[str, ...] = ()) -> FlowRun:
    return FlowRun(flow_id=uuid4(), state=state, tags=["moodlog", *tags], parameters={"people": list(people)})


@pytest.mark.parametrize("state", [Crashed(), _UNREACHABLE], ids=["crashed", "database away"])
def test_a_night_that_died_or_met_a_passing_failure_is_lost(state: State[None]) -> None:
    lost, before = _run(state), _run(Completed())
    assert failed_nightly_run([lost, before]) is lost


@pytest.mark.parametrize(
    "state",
    [
        Completed(),
        Completed(name="Degraded"),
        Running(),
        Cancelled(),
        Failed(message="0 new listens from 2 accounts, 2 problems; ada: the permission has ended"),
        Failed(message="Flow run encountered an exception: ConfigError: no client id is set"),
    ],
    ids=lambda state: f"{state.name} {state.message or ''}"[:20],
)
def test_no_other_night_is_run_again(state: State[None]) -> None:
    assert failed_nightly_run([_run(state), _run(Crashed())]) is None


def test_a_run_for_some_people_says_nothing_of_the_night() -> None:
    lost = _run(Crashed())
    assert failed_nightly_run([_run(Completed(), people=("ada",)), lost]) is lost


def test_a_night_that_dies_every_time_is_not_run_for_ever() -> None:
    night = _run(Crashed())
    again = [_run(Crashed(), REPLACEMENT) for _ in range(ATTEMPTS)]
    assert failed_nightly_run([*again[1:], night]) is again[1]
    assert failed_nightly_run([*again, night]) is None

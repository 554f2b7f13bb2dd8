"""Starts the nightly flow from a command and hands back its report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flows.run_failed import RunFailed
from flows.server.runtime import PrefectRuntime
from mood_core.errors import MoodlogError
from mood_core.usecases.nightly.night_report import NightReport


def run_flow(
    runtime: PrefectRuntime,
    *,
    people: Sequence[str] = (),
    first_day: date | None = None,
    last_day: date | None = None,
    dry_run: bool = False,
) -> NightReport:
    """Run the nightly flow in this process, on the server of ``runtime``.

    Raises:
        MoodlogError: What ended the flow.
    """
    from flows.run_nightly import run_nightly

    state = run_nightly(people, first_day, last_day, dry_run, return_state=True)
    if state.state_details.flow_run_id is not None:
        runtime.wait_until_recorded(str(state.state_details.flow_run_id))
    result: object = state.result(raise_on_failure=False)
    if isinstance(result, RunFailed):
        result = result.report
    if isinstance(result, BaseException):
        raise result
    if not isinstance(result, NightReport):
        raise MoodlogError(f"the nightly flow ended as {state.name}: {state.message}")
    return result

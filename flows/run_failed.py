"""The error in the state of a failed run, with the run's report."""

from __future__ import annotations

import logging
from typing import Generic, TypeVar

from mood_core.errors import MoodlogError

Report = TypeVar("Report")


class RunFailed(MoodlogError, Generic[Report]):
    """A run failed; ``report`` says what it did.

    Prefect expects an exception as the data of a failed state, and reports a crash of its engine for any other type.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


def is_engine_crash(record: logging.LogRecord) -> bool:
    """A log filter: drops Prefect's report of a crash if moodlog returned the failed or cancelled state itself."""
    from prefect.exceptions import CancelledRun  # imported late: see flows/server/runtime.py

    error = record.exc_info[1] if record.exc_info else None
    returned = isinstance(error, (RunFailed, CancelledRun))
    return not (returned and "exited with unexpected exception" in record.getMessage())


def report_no_crash() -> None:
    """Stop Prefect's engine in this process from logging the state that a flow returns as a crash."""
    for name in ("prefect.flow_runs", "prefect.engine"):
        logger = logging.getLogger(name)
        if is_engine_crash not in logger.filters:
            logger.addFilter(is_engine_crash)

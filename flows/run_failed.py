"""The error that a failed run carries in its state, together with the run's report."""

from __future__ import annotations

import logging
from typing import Generic, TypeVar

from mood_core.errors import MoodlogError

Report = TypeVar("Report")


class RunFailed(MoodlogError, Generic[Report]):
    """A run did not do its work; ``report`` says what it did.

    Prefect turns the data of a failed state into an exception and reports a crash of its engine where that is not one.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


def is_engine_crash(record: logging.LogRecord) -> bool:
    """Whether a record of Prefect's engine is true: it reports an end that moodlog returned as a crash as well."""
    from prefect.exceptions import CancelledRun  # not before its settings are decided, see flows/server/runtime.py

    error = record.exc_info[1] if record.exc_info else None
    returned = isinstance(error, (RunFailed, CancelledRun))
    return not (returned and "exited with unexpected exception" in record.getMessage())


def report_no_crash() -> None:
    """Keep the engine of this process from logging the state that a flow is about to return as a crash."""
    for name in ("prefect.flow_runs", "prefect.engine"):
        logger = logging.getLogger(name)
        if is_engine_crash not in logger.filters:
            logger.addFilter(is_engine_crash)

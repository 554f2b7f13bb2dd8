"""The error that a failed run carries in its state, together with the run's report."""

from __future__ import annotations

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

"""Shows the progress of long work in Prefect's UI and in the run's log."""

from __future__ import annotations

import time
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.server.retries import if_possible

WORTH_SHOWING = 200
"""The smallest number of items with a progress artifact: less is done within seconds."""

_STEP = 5.0
_EVERY_S = 1.0  # each step is a call of the server, which takes as long as many items


class ProgressArtifact:
    """A progress callback that shows every 5 %, at most once a second, for at least :data:`WORTH_SHOWING` items."""

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._description = description
        self._artifact: UUID | None = None
        self._shown = 0.0
        self._next_at = 0.0
        self._what = ""

    def __call__(self, done: int, of: int) -> None:
        """Show that ``done`` of ``of`` items are done."""
        percent = 100.0 * done / max(of, 1)
        if of < WORTH_SHOWING or percent - self._shown < _STEP or (self._artifact is None and done >= of):
            return
        if time.monotonic() < self._next_at and done < of:
            return
        self._shown, self._next_at = percent, time.monotonic() + _EVERY_S
        get_run_logger().info("%s: %d of %d", self._description, done, of)
        if_possible(lambda: self._show(percent), for_s=0)  # no retries: the next step shows it

    def _show(self, percent: float) -> None:
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, key=self._key, description=self._description)  # type: ignore[assignment]
        else:
            update_progress_artifact(self._artifact, progress=percent)

    def share(self, what: str, share: float) -> None:
        """Show the ``share``, 0-1, of the stage ``what`` that is done; each stage starts at 0."""
        if what != self._what:
            self._what, self._shown = what, 0.0
        self(round(share * 1000), 1000)


def feature_progress() -> ProgressArtifact:
    """The progress of fetching audio features."""
    return ProgressArtifact("moodlog-features", "Tracks whose audio features were requested")


def labelling_progress() -> ProgressArtifact:
    """The progress of labelling."""
    return ProgressArtifact("moodlog-labels", "Tracks labelled")

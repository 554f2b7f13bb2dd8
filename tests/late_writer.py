"""``python -m tests.late_writer WHAT POINT``: a run of moodlog that stops itself (SIGSTOP) once, at a point.

``compact read``: two files of listens are read; ``compact publish``: just before it publishes the first merged file;
``night pulled``: when the listens of the last account are received and not written. Tests let it go on by SIGCONT.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenClient, ListenWindow
from mood_core.errors import MoodlogError
from mood_core.lake import BatchFile, Lake
from mood_core.usecases.nightly.pull_account import pull_leased
from mood_core.usecases.nightly.pull_listens import PullListens
from mood_core.usecases.upkeep.compact import compact


def stop() -> None:
    """Stop this process until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


class StoppingLake(Lake):
    """A lake whose first merged file is published late."""

    point = ""
    stopped = False
    listens_read = 0

    def read(self, path: str) -> tuple[BatchFile, Any]:
        """See the lake's own."""
        found = super().read(path)
        self.listens_read += path.startswith("listens/")
        if self.point == "read" and self.listens_read == 2:
            self._stop_once()
        return found

    def compact(self, *arguments: Any, **named: Any) -> BatchFile:
        """See the lake's own."""
        if self.point == "publish":
            self._stop_once()
        return super().compact(*arguments, **named)

    def _stop_once(self) -> None:
        if not self.stopped:
            self.stopped = True
            stop()


class StoppingClient:
    """A client that is slow to hand over what it has received."""

    def __init__(self, client: ListenClient, *, stops: bool) -> None:
        self._client, self._stops = client, stops

    def recently_played(self) -> ListenWindow:
        """The whole window."""
        window = self._client.recently_played()
        if self._stops:
            stop()
        return window


def main(what: str, point: str, now: datetime, user_ids: Sequence[str] = ()) -> int:
    """Do ``what``; returns its exit code."""
    with Workspace(now=lambda: now) as workspace:
        try:
            doing: Callable[[], object] = {"compact": _compact, "night": _night}[what](workspace, point, user_ids)
            doing()
        except MoodlogError as error:
            print(f"moodlog: {error.message}", file=sys.stderr)  # noqa: T201
            return error.exit_code
    return 0


def _compact(workspace: Workspace, point: str, _: Sequence[str]) -> Callable[[], object]:
    lake = StoppingLake(workspace.lake._files, workspace.lake.root)
    lake.point = point
    return lambda: compact(lake, workspace.database, now=workspace.now(), before="9999-12")


def _night(workspace: Workspace, _: str, user_ids: Sequence[str]) -> Callable[[], object]:
    def client(user_id: str) -> ListenClient:
        return StoppingClient(workspace.spotify.for_user(user_id), stops=user_id == user_ids[-1])

    pull = PullListens(client, workspace.listens, workspace.accounts, workspace.batches)
    return lambda: pull_leased(user_ids, pull, workspace.accounts, workspace.now)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3]), sys.argv[4:]))

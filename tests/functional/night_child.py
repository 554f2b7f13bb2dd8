"""A night in a process of its own that can be killed at its n-th step that reaches disk, database or network.

``python -m tests.functional.night_child NOW [KILL_AT]`` prints how many such steps there were. The kill is SIGKILL: no
handler, no flush, nothing is tidied up.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from types import FrameType
from typing import Any

from mood_core.bootstrap import Workspace
from tests.nights import one_night

STEPS = frozenset(
    {"execute", "executemany", "commit", "fsync", "link", "unlink", "open", "mkdir", "write", "send", "sendall"}
)
"""Names of the C functions that change the world outside this process, or ask it."""


class Killer:
    """Counts steps, and kills this process just before the step ``kill_at``."""

    def __init__(self, kill_at: int | None) -> None:
        self.steps = 0
        self._kill_at = kill_at

    def __call__(self, _frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and getattr(function, "__name__", "") in STEPS:
            self.steps += 1
            if self.steps == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the night at the time given by the first argument; die at the step given by the second."""
    now = datetime.fromisoformat(sys.argv[1])
    killer = Killer(int(sys.argv[2]) if len(sys.argv) > 2 else None)
    with Workspace(now=lambda: now) as workspace:
        workspace.accounts.all()
        sys.setprofile(killer)
        one_night(workspace)
        sys.setprofile(None)
    print(killer.steps)  # noqa: T201


if __name__ == "__main__":
    main()

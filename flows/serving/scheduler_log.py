"""Finds errors of Prefect's scheduler in the log of the local server."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

WINDOW = timedelta(minutes=3)
"""How long an error counts: the scheduler retries every 5 s to 60 s."""

MANY = 2
"""The scheduler fails with this number of errors; one may be a busy database."""

_ERROR = re.compile(r"\| (?:ERROR|CRITICAL)\b.*schedul")
_LARGEST_READ = 1_000_000


class SchedulerLog:
    """Reads the lines that were appended to ``file`` since the last call, or since this was created."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = file.stat().st_size if file.exists() else 0
        self._seen: list[datetime] = []
        self.last = ""

    def is_failing(self, now: datetime) -> bool:
        """Whether the scheduler logged several errors in the last 3 minutes; ``last`` is the newest line."""
        errors = [line for line in self._new_lines() if _ERROR.search(line)]
        if errors:
            self.last = errors[-1].strip()[:300]
        self._seen = [at for at in self._seen if now - at <= WINDOW] + [now] * len(errors)
        return len(self._seen) >= MANY

    def _new_lines(self) -> list[str]:
        try:
            size = self._file.stat().st_size
            with self._file.open("rb") as log:
                log.seek(max(self._read if size >= self._read else 0, size - _LARGEST_READ))
                added = log.read()
                self._read = log.tell()
        except OSError:
            return []
        return added.decode(errors="replace").splitlines()

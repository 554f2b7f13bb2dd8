"""The flow runs that ``moodlog serve`` started: one file for each, locked by its process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from flows.server.process_lock import ProcessLock, holder, kill

_STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Record:
    """A flow run; ``process`` is the id of its process, None if that has ended."""

    run_id: str
    process: int | None
    age_s: float


class RunRecords:
    """The records in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, run_id: str) -> None:
        """Create the record of a run whose process is about to start."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file(run_id).touch(mode=0o600)

    def hold(self, run_id: str) -> bool:
        """Lock the record for this process; False if another process executes the run."""
        self.begin(run_id)
        return ProcessLock(self.file(run_id)).acquire({"pid": os.getpid()})

    def all(self) -> list[Record]:
        """All records, oldest first."""
        files = sorted(self.folder.glob("*.run"), key=lambda file: file.stat().st_mtime)
        return [self._record(file) for file in files]

    def end(self, run_id: str) -> None:
        """Delete the record of an ended run."""
        self.file(run_id).unlink(missing_ok=True)

    def kill(self, record: Record) -> None:
        """Kill the process of a run."""
        if record.process is not None:
            kill(record.process)

    def ask_to_stop(self) -> None:
        """Ask all run processes to stop at their next safe point."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / _STOPPING).touch(mode=0o600)

    def ask_to_go_on(self) -> None:
        """Undo :meth:`ask_to_stop` for runs that start from now on."""
        (self.folder / _STOPPING).unlink(missing_ok=True)

    def is_stopping(self) -> bool:
        """Whether runs must stop."""
        return (self.folder / _STOPPING).exists()

    def file(self, run_id: str) -> Path:
        """The path of a record."""
        return self.folder / f"{run_id}.run"

    def _record(self, file: Path) -> Record:
        held = holder(file)
        process = held.get("pid") if held else None
        return Record(file.stem, process if isinstance(process, int) else None, time.time() - file.stat().st_mtime)

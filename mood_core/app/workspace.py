"""The use cases with their parts: what the commands and the flows call.

Each method acquires the locks that its use case needs. The modules of a use case are imported when it is used: most
commands use only one, and the import of the model takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mood_core.app.answering import Answering
from mood_core.app.labelling import Progress, silent
from mood_core.app.models import Models
from mood_core.app.parts import make_home, utc_now
from mood_core.app.people import People

if TYPE_CHECKING:
    import pyarrow as pa

    from mood_core.usecases.nightly.find_silent_accounts import Silence
    from mood_core.usecases.nightly.pull_listens import PullListens
    from mood_core.usecases.upkeep.backup import BackupReport
    from mood_core.usecases.upkeep.compact import CompactReport
    from mood_core.usecases.upkeep.rebuild import RebuildReport
    from mood_core.usecases.upkeep.verify_lake import Verification

__all__ = ["Workspace", "make_home", "utc_now"]


class Workspace(People, Models, Answering):
    """The use cases, bound to the settings. Use it as a context manager.

    Every method raises a StoreError if the database or the lake fails.
    """

    def pulling(self, *, dry_run: bool = False, stop: Callable[[], bool] = lambda: False) -> PullListens:
        """The function that pulls accounts; ``stop`` can end it early."""
        from mood_core.usecases.nightly.pull_listens import PullListens

        parts = self.listen_client, self.listens, self.accounts, self.batches
        return PullListens(*parts, dry_run=dry_run, stop=stop, quarantine=self.quarantine_rows)

    def quarantine_rows(self, user_id: str, rows: Sequence[tuple[dict[str, Any], object]]) -> int:
        """Quarantine invalid ``rows`` of a person once, unless they were forgotten; returns the number of new ones."""
        from mood_core.usecases.quarantine import quarantine_once

        gone = not rows or self.batches.gone_among([user_id])
        return 0 if gone else quarantine_once(rows, self.settings.quarantine, user_id)

    def quarantine_file(self, user_id: str, rows: IO[str]) -> Path | None:
        """Quarantine invalid ``rows``, one JSON object a line, unless the person was forgotten; returns the file."""
        from mood_core.usecases.quarantine import quarantine_rows

        gone = self.batches.gone_among([user_id])
        return None if gone else quarantine_rows(rows, self.settings.quarantine, user_id)

    def find_silent(self) -> list[Silence]:
        """Find the active accounts that have fallen silent."""
        from mood_core.usecases.nightly.find_silent_accounts import find_silent

        budget = self.settings.spotify_daily_budget
        return find_silent(self.database, self.accounts, now=self.now(), daily_budget=budget)

    def statistics(self) -> dict[str, pa.Table]:
        """Statistics over all people, counted from the lake by Spark; see ``spark/statistics.py``."""
        from mood_core.spark.statistics import statistics_by_spark

        return statistics_by_spark(self.settings.spark_master, self.lake, self.database)

    def compact(self, before: str | None = None, *, progress: Callable[[str, float], None] = silent) -> CompactReport:
        """Merge the small files of every month before ``before`` (YYYY-MM); see ``usecases/upkeep/compact.py``."""
        from mood_core.usecases.upkeep.compact import compact

        parts, now = (self.lake, self.database), self.now()
        return compact(*parts, now=now, before=before, personal_files=self.personal_files, progress=progress)

    def verify(self, *, deep: bool = False, workers: int = 1, progress: Progress = silent) -> Verification:
        """Compare lake, ledger and SQL on ``workers`` cores; see ``usecases/upkeep/verify_lake.py``."""
        from mood_core.usecases.upkeep.verify_lake import verify

        return verify(self.lake, self.database, now=self.now(), deep=deep, workers=workers, progress=progress)

    def rebuild(self, *, skip_damaged: bool = False, workers: int = 1, progress: Progress = silent) -> RebuildReport:
        """Rebuild SQL from the lake on ``workers`` cores; see ``usecases/upkeep/rebuild.py``."""
        from mood_core.usecases.upkeep.rebuild import rebuild

        return rebuild(
            self.lake,
            self.database,
            now=self.now(),
            skip_damaged=skip_damaged,
            workers=workers,
            personal_files=self.personal_files,
            progress=progress,
        )

    def back_up(self, into: Path, *, with_key: bool = False, progress: Progress = silent) -> BackupReport:
        """Copy the content of HOME to a new folder in ``into``, so that it works there; with the key on request."""
        from mood_core.usecases.upkeep.backup import back_up

        settings = self.settings
        others = [settings.models, settings.trained, settings.labelled, settings.quarantine, settings.catalog_list]
        keys = [settings.token_key_file] if with_key else []
        return back_up(self.lake, self.database, into, [*others, *keys], now=self.now(), progress=progress)

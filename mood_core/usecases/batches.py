"""Completes what interrupted and late runs left, and writes facts: see :mod:`mood_core.usecases.batch_writer`."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from functools import partial

from mood_core.domain.records import to_ms
from mood_core.errors import BatchCorrupt, StoreError
from mood_core.lake.schema import PERSONAL
from mood_core.store.loading.tombstones import all_people, find_half_forgotten, kept_out, newest_forgetting
from mood_core.usecases.batch_writer import LOOK_BACK, BatchWriter
from mood_core.usecases.people.forget_person import complete_forgetting
from mood_core.usecases.remove_rows import any_forgotten, has_forgotten

log = logging.getLogger(__name__)


class Batches(BatchWriter):
    """Writes batches, and completes what other runs left. One for each run."""

    def finish(self, *, now: datetime, everywhere: bool = False) -> int:
        """Complete what interrupted runs left; returns the number of loaded batches.

        Interrupted runs of `moodlog forget` are completed, and files that are not in the ledger are loaded: see
        :meth:`~mood_core.usecases.batch_writer.BatchWriter.load_unloaded`. Files with rows of forgotten people,
        published by a run that was late, are replaced by files without them.
        """
        self.complete_forgettings(now=now, everywhere=everywhere)
        if everywhere or self._forgotten_recently(now):
            self.sweep_personal_files()
        finished = self.load_unloaded(now=now, everywhere=everywhere)
        self._take_back_late_files(now)
        return finished

    def complete_forgettings(self, *, now: datetime, everywhere: bool = False) -> None:
        """Complete interrupted runs of `moodlog forget`; the next run retries those that fail.

        With ``everywhere``, everybody is compared with the tombstones.
        """
        for user_id in find_half_forgotten(self.database, everywhere=everywhere):
            try:
                complete_forgetting(user_id, self, now=now)
            except StoreError as error:
                log.warning("a person is only partly forgotten: %s; the next run continues", error.message)

    def sweep_personal_files(self) -> None:
        """Delete what a late run has written into HOME of people who were forgotten; it lists everybody's files."""
        if any_forgotten(self.database):
            self.personal_files.sweep(partial(kept_out, self.database), partial(all_people, self.database))

    def _take_back_late_files(self, now: datetime) -> None:
        """Remove recently forgotten people from files of any month that are not loaded.

        A compacted file of an old month is published late if PostgreSQL ended its writer's session in between.
        """
        for dataset in PERSONAL if self._forgotten_recently(now) else ():
            for path in self.unloaded(dataset.name):
                with suppress(BatchCorrupt):  # `moodlog verify` names it
                    file, _ = self.lake.stream(path)
                    if has_forgotten(self.lake, self.database, file):
                        self.remove_forgotten_from(file, now)

    def _forgotten_recently(self, now: datetime) -> bool:
        """Whether a run that began before somebody was forgotten may still write."""
        with self.database.read() as connection:
            return newest_forgetting(connection) >= to_ms(now - LOOK_BACK)

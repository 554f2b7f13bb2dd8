"""Pulls accounts of services that keep the whole history: the newest page, then back through every open gap.

Each page is stored before the next one is requested, with the time down to which the gap has been read. So a run that
was killed continues there, and requests at most the page again that it was storing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mood_core.domain.bounds import EARLIEST_PLAY
from mood_core.domain.listen_window import AnyPlay, HistoryClient, ListenWindow, NamedPlay
from mood_core.domain.records import Gap, ListenSource, Service
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.new_scrobbles import NewScrobbles, new_scrobbles, period
from mood_core.usecases.imports.write_scrobbles import write_scrobbles

SOURCES = {Service.LISTENBRAINZ: ListenSource.LISTENBRAINZ, Service.LASTFM: ListenSource.LASTFM}
"""The source of the listens of each service."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReadHistory:
    """What was pulled from one account: numbers of new listens and skipped rows, and whether a gap is still open."""

    new: int = 0
    skipped: int = 0
    gap: bool = False


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Reads the history of accounts into the store. In a dry run, only the newest page is read and nothing is stored.

    ``after_page`` is called after each stored page; it returns true to stop, and the next pull continues.
    """

    stored: ListenStore
    accounts: Accounts
    batches: Batches
    after_page: Callable[[], bool]
    dry_run: bool = field(default=False, kw_only=True)

    def read(self, user_id: str, client: HistoryClient, *, now: datetime) -> ReadHistory:
        """Read the newest page, then the open gaps.

        Raises:
            SourceError: the service failed. The next pull continues.
            StoreError: the database or the lake fails.
        """
        result = ReadHistory()
        window = client.recently_played()
        new = self._new(user_id, client, window, result)
        gap = self._gap_before(user_id, window, new, now)
        if self.dry_run:
            return replace(result, gap=gap is not None)
        if gap is not None:
            self.batches.add(GAPS, to_table(GAPS, [gap]), now=now)  # before the listens, which would hide it
        write_scrobbles(new, window.tracks, self.stored, self.batches, now=now)
        self._fill_gaps(user_id, client, result, now)
        return replace(result, gap=bool(self.stored.open_gaps(user_id)))

    def _gap_before(self, user_id: str, window: ListenWindow, new: NewScrobbles, now: datetime) -> Gap | None:
        """The period before ``window`` that was not read yet, None if the window reaches what is stored."""
        oldest = window.oldest_at
        if oldest is None or not window.full or oldest not in new.times:
            return None
        before = self.stored.newest_play_before(user_id, oldest) or EARLIEST_PLAY
        return Gap(user_id, before, oldest, now) if before < oldest else None

    def _fill_gaps(self, user_id: str, client: HistoryClient, result: ReadHistory, now: datetime) -> None:
        done, gaps = self.accounts.read_down_to(user_id), self.stored.open_gaps(user_id)
        begun = {gap: done for gap in gaps if done and gap.starts_at < done < gap.ends_at}
        others = [gap for gap in reversed(gaps) if gap not in begun]
        for gap, moment in [*begun.items(), *((gap, gap.ends_at) for gap in others)]:
            if self.after_page() or not self._fill(gap, moment, client, result, now):
                return
            self.accounts.set_read_down_to(user_id, None)

    def _fill(self, gap: Gap, moment: datetime, client: HistoryClient, result: ReadHistory, now: datetime) -> bool:
        """Read ``gap`` from ``moment`` back; returns whether it is filled, and not stopped."""
        while True:
            window = client.played_before(moment)
            new = self._new(gap.user_id, client, window, result)
            write_scrobbles(new, window.tracks, self.stored, self.batches, now=now)
            if not window.full or window.oldest_at is None or window.oldest_at <= gap.starts_at:
                break
            moment = window.oldest_at
            self.accounts.set_read_down_to(gap.user_id, moment)
            if self.after_page():
                return False
        self.batches.add(GAPS, to_table(GAPS, [replace(gap, filled_at=now)]), now=now)
        return True

    def _new(self, user_id: str, client: HistoryClient, window: ListenWindow, result: ReadHistory) -> NewScrobbles:
        source, within = SOURCES[client.service], period(window)
        result.skipped += len(window.skipped)
        if within is None:
            return NewScrobbles()
        stored = self.stored.plays_between(user_id, *within, source=source)
        _log_gone(user_id, window, source, stored)
        new = new_scrobbles(window, source, stored)
        result.new += len(new.times)
        return new


def _log_gone(user_id: str, window: ListenWindow, source: ListenSource, stored: Sequence[AnyPlay]) -> None:
    """Log stored listens that the service no longer has in the period of ``window``: deleted or edited there."""
    shown = {listen.played_at for listen in window.listens} | {play.at for play in window.named}
    first, last = min(shown), max(shown)
    times = [play.at if isinstance(play, NamedPlay) else play.played_at for play, _ in stored if play.source is source]
    gone = sum(first < at < last and at.replace(microsecond=0) not in shown for at in times)
    if gone:
        log.info("account %s: %d stored listens are no longer at %s; they stay stored", user_id, gone, source)

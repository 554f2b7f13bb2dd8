"""Pulls accounts of services that keep the whole history: the newest page, then back through every open gap.

Each page is stored before the next one is requested, with the time down to which the gap has been read. So a run that
was killed continues there, and requests at most the page again that it was storing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from mood_core.domain.bounds import EARLIEST_PLAY
from mood_core.domain.listen_window import AnyPlay, HistoryClient, ListenWindow
from mood_core.domain.records import Gap, ListenSource
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.new_scrobbles import NewScrobbles, new_scrobbles, period
from mood_core.usecases.imports.write_scrobbles import write_scrobbles
from mood_core.usecases.nightly.changed_plays import changed_plays


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
        new, stored = self._new(user_id, client, window, result, until=now)
        gap = self._gap_before(user_id, window, new, now)
        if self.dry_run:
            return replace(result, gap=gap is not None)
        if gap is not None:
            self.batches.add(GAPS, to_table(GAPS, [gap]), now=now)  # before the listens, which would hide it
        write_scrobbles(new, window.tracks, self.stored, self.batches, now=now)
        if window.times:
            self.accounts.set_read_up_to(user_id, max(window.times))
            changed = changed_plays(window, ListenSource(client.service), stored)
            self.accounts.set_changed_plays(user_id, changed, since=min(window.times))
        self._fill_gaps(user_id, client, result, now)
        return replace(result, gap=bool(self.stored.open_gaps(user_id)))

    def _gap_before(self, user_id: str, window: ListenWindow, new: NewScrobbles, now: datetime) -> Gap | None:
        """The period before ``window`` that was not read yet; None if the window reaches what was read.

        On the first pull, it is the whole history before the window, whatever other sources have stored of it. Later,
        a new play at the window's end shows that plays arrived late, of which some may be below the window.
        """
        ends, up_to = window.next_before, self.accounts.history_place(user_id)[0]
        if ends is None or not window.full:
            return None
        if up_to is not None and ends <= up_to and (not window.times or min(window.times) not in new.times):
            return None
        starts = EARLIEST_PLAY if up_to is None else up_to
        if ends <= starts:
            starts = self.stored.newest_play_before(user_id, ends) or EARLIEST_PLAY
        starts = self.stored.free_gap_start(user_id, starts)
        return Gap(user_id, starts, ends, now) if starts < ends else None

    def _fill_gaps(self, user_id: str, client: HistoryClient, result: ReadHistory, now: datetime) -> None:
        done, gaps = self.accounts.history_place(user_id)[1], self.stored.open_gaps(user_id)
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
            new, _ = self._new(gap.user_id, client, window, result)
            write_scrobbles(new, window.tracks, self.stored, self.batches, now=now)
            if not window.full or window.next_before is None or window.next_before <= gap.starts_at:
                break
            moment = window.next_before
            self.accounts.set_read_down_to(gap.user_id, moment)
            if self.after_page():
                return False
        self.batches.add(GAPS, to_table(GAPS, [replace(gap, filled_at=now)]), now=now)
        return True

    def _new(
        self,
        user_id: str,
        client: HistoryClient,
        window: ListenWindow,
        result: ReadHistory,
        until: datetime = EARLIEST_PLAY,
    ) -> tuple[NewScrobbles, list[AnyPlay]]:
        """The new scrobbles of ``window``, and the stored plays near it, at least until ``until``."""
        source, within = ListenSource(client.service), period(window)
        result.skipped += len(window.skipped)
        if within is None:
            return NewScrobbles(), []
        stored = self.stored.plays_between(user_id, within[0], max(within[1], until), source=source)
        new = new_scrobbles(window, source, stored)
        result.new += len(new.times)
        return new, stored

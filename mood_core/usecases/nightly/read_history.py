"""Pulls accounts of services that keep the whole history: the newest page, then back through every open gap.

Without a gap, one older page a day is read again, from the newest to the oldest in turn: plays that arrived there
later, too few to show in the number of plays, are found without reading the whole history at once.

Each page is stored before the next one is requested, with the time down to which the gap has been read. So a run that
was killed continues there, and requests at most the page again that it was storing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mood_core.domain.bounds import EARLIEST_PLAY
from mood_core.domain.listen_window import AnyPlay, HistoryClient, ListenWindow
from mood_core.domain.records import Gap, ListenSource
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import GAPS
from mood_core.store.queries.history_places import HistoryPlace, HistoryPlaces
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.imports.new_scrobbles import NewScrobbles, ids_of, new_scrobbles, period
from mood_core.usecases.imports.write_scrobbles import write_scrobbles
from mood_core.usecases.nightly.changed_plays import changed_plays
from mood_core.usecases.quarantine import Quarantine

LATE = timedelta(days=2)
"""How much later than the next play of the person a play may arrive at its service."""

EMPTY_FOR = timedelta(days=1)
"""How long a page must stay empty until it counts as the end of the history."""

AGAIN_EVERY = timedelta(days=1)
"""How often an older page is read again."""

FEW = 20
"""Plays by which the history may have grown unseen: duplicates, and plays that arrive very late."""


@dataclass(slots=True)
class ReadHistory:
    """What was pulled from one account: numbers of new listens and of rows that were skipped for the first time.

    ``gap`` is whether a gap is still open, and ``changed`` how many stored plays of the newest page were deleted or
    edited at the service.
    """

    new: int = 0
    skipped: int = 0
    gap: bool = False
    changed: int = 0


@dataclass(frozen=True, slots=True)
class HistoryReader:
    """Reads the history of accounts into the store. In a dry run, only the newest page is read and nothing is stored.

    ``after_page`` is called after each stored page; it returns true to stop, and the next pull continues. Invalid rows
    are quarantined.
    """

    stored: ListenStore
    places: HistoryPlaces
    batches: Batches
    after_page: Callable[[], bool]
    quarantine: Quarantine
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
        place = self.places.get(user_id)
        if has_grown(window, new, place):  # the whole history is read again
            place = HistoryPlace()
        gap = self._gap_before(user_id, window, new, place, now)
        if self.dry_run:
            return replace(result, gap=gap is not None)
        if gap is not None:
            if place.up_to is None:
                self.places.restart(user_id)
            self.batches.add(GAPS, to_table(GAPS, [gap]), now=now)  # before the listens, which would hide it
        write_scrobbles(new, window, self.stored, self.batches, now=now)
        if gap is None and not self._read_late(user_id, client, window, place, result, now):
            return replace(result, gap=bool(self.stored.open_gaps(user_id)))
        if window.times:
            starts, plays = window.history_starts_at, window.history_plays
            self.places.set_read_up_to(user_id, max(window.times), starts_at=starts, plays=plays)
            changed = changed_plays(window, ListenSource(client.service), stored)
            self.places.set_changed_plays(user_id, changed, since=min(window.times))
            result.changed = len(changed)
        self._fill_gaps(user_id, client, result, now)
        self._read_again(user_id, client, window, result, now)
        return replace(result, gap=bool(self.stored.open_gaps(user_id)))

    def _gap_before(
        self, user_id: str, window: ListenWindow, new: NewScrobbles, place: HistoryPlace, now: datetime
    ) -> Gap | None:
        """The period before ``window`` that was not read yet; None if the window reaches what was read.

        On the first pull, it is the whole history before the window, whatever other sources have stored of it. Later,
        it begins before the last pull, because plays arrive late; and a new play at the window's end shows that plays
        arrived very late, of which some may be below the window.
        """
        ends, starts = window.next_before, EARLIEST_PLAY
        if ends is None or not window.full:
            return None
        if place.up_to is not None:
            starts = _late_since(place.up_to)
            if ends <= place.up_to:
                if window.times and min(window.times) not in new.times:
                    return None
                starts = min(starts, self.stored.newest_play_before(user_id, ends) or EARLIEST_PLAY)
        starts = self.stored.free_gap_start(user_id, starts)
        return Gap(user_id, starts, ends, now) if starts < ends else None

    def _read_late(
        self,
        user_id: str,
        client: HistoryClient,
        window: ListenWindow,
        place: HistoryPlace,
        result: ReadHistory,
        now: datetime,
    ) -> bool:
        """Read the plays before ``window`` that can have arrived since the last pull; returns false if it was stopped.

        A gap that is still open is read anyway.
        """
        ends = window.next_before
        if not window.full or ends is None or place.up_to is None or self.stored.open_gaps(user_id):
            return True
        since = _late_since(place.up_to)
        pages = self._pages(user_id, client, ends, since, result, now) if since < ends else ()
        return not any(self.after_page() for _ in pages)

    def _read_again(
        self, user_id: str, client: HistoryClient, window: ListenWindow, result: ReadHistory, now: datetime
    ) -> None:
        """Read the next older page again, if that is due."""
        newest, place = window.next_before, self.places.get(user_id)
        if newest is None or not window.full or self.stored.open_gaps(user_id):
            return
        if place.read_again_at is None:
            self.places.set_read_again(user_id, now, None)
            return
        is_done = timedelta(0) <= now - place.read_again_at < AGAIN_EVERY  # a later time comes from a wrong clock
        if is_done or self.after_page():
            return
        page = client.played_before(min(place.read_again_below or newest, newest))
        new, _ = self._new(user_id, client, page, result)
        write_scrobbles(new, page, self.stored, self.batches, now=now)
        self.places.set_read_again(user_id, now, page.next_before if page.full else None)

    def _fill_gaps(self, user_id: str, client: HistoryClient, result: ReadHistory, now: datetime) -> None:
        done, gaps = self.places.get(user_id).down_to, self.stored.open_gaps(user_id)
        begun = {gap: done for gap in gaps if done and gap.starts_at < done < gap.ends_at}
        others = [gap for gap in reversed(gaps) if gap not in begun]
        for gap, moment in [*begun.items(), *((gap, gap.ends_at) for gap in others)]:
            if self.after_page() or not self._fill(gap, moment, client, result, now):
                return
            self.places.set_read_down_to(user_id, None)

    def _fill(self, gap: Gap, moment: datetime, client: HistoryClient, result: ReadHistory, now: datetime) -> bool:
        """Read ``gap`` from ``moment`` back; returns whether it is filled, and not stopped.

        An empty page contradicts the page before it, so the gap stays open until the page has been empty for a day.
        """
        for page in self._pages(gap.user_id, client, moment, gap.starts_at, result, now):
            if page is None:
                since = self.places.get(gap.user_id).empty_since
                if since is None:
                    self.places.set_empty_since(gap.user_id, now)
                if since is None or now - since < EMPTY_FOR:
                    return False
                break
            self.places.set_read_down_to(gap.user_id, page)
            if self.after_page():
                return False
        self.batches.add(GAPS, to_table(GAPS, [replace(gap, filled_at=now)]), now=now)
        return True

    def _pages(
        self,
        user_id: str,
        client: HistoryClient,
        moment: datetime,
        until: datetime,
        result: ReadHistory,
        now: datetime,
    ) -> Iterator[datetime | None]:
        """Store the pages from ``moment`` back to ``until``.

        Yields the time before which the next page begins after each page but the last, and None after an empty page
        that is not known to be the end of the history.
        """
        while True:
            window = client.played_before(moment)
            new, _ = self._new(user_id, client, window, result)
            write_scrobbles(new, window, self.stored, self.batches, now=now)
            if window.next_before is None and (window.history_starts_at or EARLIEST_PLAY) < moment:
                yield None
            if not window.full or window.next_before is None or window.next_before <= until:
                return
            moment = window.next_before
            yield moment

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
        skipped = [({"reason": item.detail, "source": source.value}, item.row) for item in window.skipped]
        result.skipped += len(skipped) if self.dry_run else self.quarantine(user_id, skipped)
        if within is None:
            return NewScrobbles(), []
        stored = self.stored.plays_between(user_id, within[0], max(within[1], until), source=source)
        new = new_scrobbles(window, source, stored, self.stored.named_otherwise(ids_of(window, stored)))
        result.new += len(new.times)
        return new, stored


def has_grown(window: ListenWindow, new: NewScrobbles, place: HistoryPlace) -> bool:
    """Whether the history has older plays that it did not have at the last pull, such as an import into the service.

    ``window`` is its newest page and ``new`` the new plays of it.
    """
    if place.up_to is None:
        return False
    if window.history_starts_at and place.starts_at and window.history_starts_at < place.starts_at:
        return True
    reaches = window.next_before is not None and window.next_before <= place.up_to
    if window.history_plays is None or place.plays is None or not reaches:
        return False
    later = sum(at > place.up_to for at in window.times)
    late = sum(at <= place.up_to for at in new.times)
    return window.history_plays - place.plays - later - late - len(window.skipped) > FEW


def _late_since(up_to: datetime) -> datetime:
    """The oldest time of plays that can have arrived since the last pull, whose newest play was at ``up_to``."""
    return max(EARLIEST_PLAY, up_to - LATE)

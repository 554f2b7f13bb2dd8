"""What pulls must have left, worked out from what really happened and not from moodlog's code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import from_ms, to_ms
from standin import TrueListen
from tests.life.timeline import WINDOW, Timeline

Key = tuple[int, str]
Span = tuple[int, int]


@dataclass(slots=True)
class Expected:
    """One person's history after the pulls so far; times in ms since 1970."""

    stored: set[Key] = field(default_factory=set)
    gaps: set[Span] = field(default_factory=set)
    lost: set[Key] = field(default_factory=set)
    """Never shown in a window, though visible once."""
    knowable: set[Key] = field(default_factory=set)
    """Those lost listens whose loss can be detected."""
    _last_pull: datetime | None = None

    def pulled(self, timeline: Timeline, now: datetime) -> None:
        """A pull at ``now`` that worked."""
        window = [_key(listen) for listen in timeline.shown(now)]
        if self._last_pull is not None:
            self._lose(timeline, window, now)
        if len(window) == WINDOW and window[0] not in self.stored:
            before = max((moment for moment, _ in self.stored if moment < window[0][0]), default=None)
            if before is not None:
                self.gaps.add((before, window[0][0]))
        self.stored.update(window)
        self._last_pull = now

    def _lose(self, timeline: Timeline, window: list[Key], now: datetime) -> None:
        """What appeared since the last pull and is not in the window any more."""
        if len(window) < WINDOW:
            return
        edge, times = window[0], [moment for moment, _ in self.stored]
        for listen in timeline.listens:
            appeared = self._last_pull is not None and self._last_pull < listen.visible_at <= now
            if appeared and _key(listen) < edge:
                self.lost.add(_key(listen))
                # Late, and below what was stored already: nothing in the window shows it.
                hidden = edge in self.stored or any(_key(listen)[0] < moment < edge[0] for moment in times)
                if not hidden:
                    self.knowable.add(_key(listen))


def _key(listen: TrueListen) -> Key:
    return to_ms(listen.played_at), listen.track_id


def check_everything(workspace: Workspace, expected: Mapping[str, Expected], zones: Mapping[str, str]) -> None:
    """Every listen ever shown is stored once, every possible gap is recorded and no other, local days are right.

    ``expected`` and ``zones`` (IANA names at the end) are by user id.
    """
    stored, gaps = _stored(workspace)
    for user_id, history in expected.items():
        assert Counter(key for key, _ in stored[user_id]) == Counter(history.stored), user_id
        assert gaps.get(user_id, set()) == history.gaps, user_id
        for moment, _ in history.knowable:
            assert any(begin < moment < end for begin, end in history.gaps), "a loss without a gap"
        zone = ZoneInfo(zones[user_id])
        for (moment, _), local_day in stored[user_id]:
            assert local_day == from_ms(moment).astimezone(zone).date().isoformat(), (user_id, moment)


def _stored(workspace: Workspace) -> tuple[dict[str, list[tuple[Key, str]]], dict[str, set[Span]]]:
    stored: dict[str, list[tuple[Key, str]]] = {}
    gaps: dict[str, set[Span]] = {}
    history = (
        "SELECT u.user_id, l.played_at_ms, t.track_id, l.local_day FROM _listen_times AS l"
        " JOIN users AS u ON u.user_key = l.user_key JOIN tracks AS t ON t.track_key = l.track_key"
    )
    between = "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms FROM gaps AS g JOIN users AS u ON u.user_key = g.user_key"
    with workspace.database.read() as connection:
        for row in connection.execute(text(history)):
            stored.setdefault(row.user_id, []).append(((row.played_at_ms, row.track_id), str(row.local_day)))
        for row in connection.execute(text(between)):
            gaps.setdefault(row.user_id, set()).add((row.starts_at_ms, row.ends_at_ms))
    return stored, gaps

"""A week in a few sentences, compared with the week before. The counts are sums of the view ``mood_daily``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from mood_core.domain.records import MOODS
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.text.format import date_range, plural

_NOTABLE_CHANGE = 3.0  # percentage points


@dataclass(frozen=True, slots=True)
class Recap:
    """One person's week.

    It starts on ``monday``; ``listens`` and ``before`` count by mood and ``Unlabelled``, this week and the one before;
    ``days`` counts the same for each of the seven days; ``top_track`` has title, artists and plays of the most played
    track; ``intervals`` has the 90% interval (0–1) of each mood's share.
    """

    user_id: str
    display_name: str
    monday: date
    listens: dict[str, int]
    before: dict[str, int]
    days: tuple[dict[str, int], ...]
    top_track: tuple[str, str, int] | None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """The recap as sentences."""
        total, earlier = sum(self.listens.values()), sum(self.before.values())
        week = f"in the week of {date_range(self.monday, self.monday + timedelta(days=6))}"
        if not total:
            known = f"; the week before had {plural(earlier, 'listen')}" if earlier else ""
            return [f"{self.display_name} has no stored listens {week}{known}."]
        times = plural(total, "time")
        sentences = [f"{self.display_name} listened {times} {week}{_compared(total, earlier)}."]
        sentences += self._moods()
        if self.top_track:
            title, artists, heard = self.top_track
            by = f" by {artists}" if artists else ""
            sentences.append(f"Most played: {title}{by}, {plural(heard, 'time')}.")
        if without := self.listens["Unlabelled"]:
            sentences.append(f"{plural(without, 'listen')} {'has' if without == 1 else 'have'} no mood.")
        return sentences

    def shares(self) -> dict[str, tuple[float, float | None]]:
        """Each mood's share of all listens in %, this week and the week before (None if that had no listens)."""
        total, earlier = sum(self.listens.values()), sum(self.before.values())
        return {
            mood: (100 * count / max(total, 1), 100 * self.before[mood] / earlier if earlier else None)
            for mood, count in self.listens.items()
        }

    def _moods(self) -> list[str]:
        top = max(MOODS, key=lambda mood: self.listens[mood])
        if not self.listens[top]:
            return []
        share, before = self.shares()[top]
        if before is None:
            return [f"{top} led with {share:.0f}% of the listens.", *self._interval(top)]
        change = share - before
        points = "point" if abs(change) < 1.5 else "points"
        moved = f"{abs(change):.0f} {points} {'more' if change > 0 else 'less'} than"
        direction = "as in" if abs(change) < 0.5 else moved
        led = f"{top} led with {share:.0f}% of the listens, {direction} the week before."
        return [led, *self._interval(top), *self._largest_change(top)]

    def _interval(self, mood: str) -> list[str]:
        if mood not in self.intervals:
            return []
        low, high = self.intervals[mood]
        return [f"By the model's probabilities, {mood} has {100 * low:.0f} to {100 * high:.0f}% (90% interval)."]

    def _largest_change(self, reported: str) -> list[str]:
        """The mood whose share changed most, unless it is ``reported`` already or changed little."""
        changes = {mood: now - (before or 0) for mood, (now, before) in self.shares().items() if mood in MOODS}
        mood = max(MOODS, key=lambda one: abs(changes[one]))
        if mood == reported or abs(changes[mood]) < _NOTABLE_CHANGE:
            return []
        now, before = self.shares()[mood]
        return [f"{mood} {'rose' if changes[mood] > 0 else 'fell'} most, from {before:.0f}% to {now:.0f}%."]

    def as_json(self) -> dict[str, Any]:
        """The recap as plain values for JSON."""
        return asdict(self) | {"monday": str(self.monday), "sentences": self.sentences()}


def last_full_week(today: date) -> date:
    """The Monday of the last completed week."""
    return today - timedelta(days=today.weekday() + 7)


def read_recap(database: Database, user_id: str, display_name: str, monday: date) -> Recap:
    """The recap of the week that starts on ``monday``.

    Raises:
        StoreError: The database cannot be read.
    """
    week = {"user": user_id, "first": str(monday), "last": str(monday + timedelta(days=6))}
    before = {"user": user_id, "first": str(monday - timedelta(days=7)), "last": str(monday - timedelta(days=1))}
    days = [_zeros() for _ in range(7)]
    earlier = _zeros()
    with database.read() as connection:
        for row in connection.execute(query("page_days"), week):
            days[(date.fromisoformat(str(row.day)) - monday).days][row.mood] = row.listens
        for row in connection.execute(query("page_days"), before):
            earlier[row.mood] += row.listens
        top = connection.execute(query("recap_top_track"), week).one_or_none()
        shares = connection.execute(query("recap_shares"), {"user": user_id, "first": str(monday)}).all()
    totals = {mood: sum(day[mood] for day in days) for mood in _zeros()}
    return Recap(
        user_id,
        display_name,
        monday,
        totals,
        earlier,
        tuple(days),
        (top[0], top[1], top[2]) if top else None,
        {row.mood: (row.share_low, row.share_high) for row in shares},
    )


def _zeros() -> dict[str, int]:
    return dict.fromkeys((*MOODS, "Unlabelled"), 0)


def _compared(total: int, earlier: int) -> str:
    if not earlier:
        return "; the week before had none"
    if total == earlier:
        return ", as often as the week before"
    return f", {plural(abs(total - earlier))} {'more' if total > earlier else 'fewer'} than the week before"

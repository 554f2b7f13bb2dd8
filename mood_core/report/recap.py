"""A person's week, month or year in a few sentences, compared with the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from mood_core.domain.intervals import FEW
from mood_core.domain.records import ALL_MOODS, MOODS, UNLABELLED
from mood_core.report.recap_period import Period, Unit, compared_days
from mood_core.text.format import plural

_NOTABLE_CHANGE = 3.0  # percentage points


@dataclass(frozen=True, slots=True)
class Most:
    """The most played track, or artist (then without a title)."""

    title: str
    artists: str
    listens: int

    def __str__(self) -> str:
        by = f" by {self.artists}" if self.title and self.artists else ""
        return f"{self.title or self.artists}{by}"


@dataclass(frozen=True, slots=True)
class Recap:
    """What one person listened to in a period.

    ``listens`` and ``before`` count by mood and ``Unlabelled``, in the period and in the one before; ``parts`` counts
    the same for each day, or for each month of a year. ``until`` is the last day so far of a period that has not ended:
    ``before`` then has as many days. ``begins`` is the first day with stored listens. ``minutes`` is None if no length
    is known. ``top_of_mood`` has the most played track of each mood. ``expected`` has each mood's expected share (0–1),
    for which a listen counts for each mood by its probability, and ``intervals`` the 90% interval of that share.
    """

    user_id: str
    display_name: str
    period: Period
    listens: Mapping[str, int]
    before: Mapping[str, int]
    parts: Sequence[Mapping[str, int]]
    begins: date | None = None
    until: date | None = None
    minutes: int | None = None
    top_track: Most | None = None
    top_artist: Most | None = None
    top_of_mood: Mapping[str, Most] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All listens of the period."""
        return sum(self.listens.values())

    @property
    def comparable(self) -> bool:
        """Whether the history covers the whole period before."""
        return self.begins is None or self.begins <= self.period.before.first

    @property
    def is_few(self) -> bool:
        """Whether the period has too few listens for shares."""
        return self.total < FEW

    def sentences(self) -> list[str]:
        """The recap as sentences. They say what was listened to, and nothing about how somebody felt."""
        if not self.total:
            return [self._silence()]
        return [
            f"{self.display_name} listened {self._times()} in {self.period.name}{self._compared()}.",
            *self._incomplete(),
            *([f"That is {plural(self.minutes, 'minute')} of music."] if self.minutes else []),
            *self._moods(),
            *self._tops(),
            *self._busiest(),
            *self._unlabelled(),
        ]

    def headline(self) -> str:
        """The recap in a few words: 412 minutes, most often happy music."""
        top = self.leading()
        mood = f"most often {top.lower()} music" if top else "no mood is known"
        return f"{plural(self.minutes, 'minute')}, {mood}" if self.minutes else f"{mood[0].upper()}{mood[1:]}"

    def leading(self) -> str | None:
        """The most frequent mood; the first by name if moods tie; None without labelled listens."""
        top = max(MOODS, key=lambda mood: self.listens[mood])
        return top if self.listens[top] else None

    def shares(self) -> dict[str, tuple[float, float | None]]:
        """Each mood's share of all listens in %, and that of the period before (None if it cannot be compared).

        Few listens are not compared.
        """
        past = sum(self.before.values())
        earlier = past if self.comparable and min(past, self.total) >= FEW else 0
        return {
            mood: (100 * count / max(self.total, 1), 100 * self.before[mood] / earlier if earlier else None)
            for mood, count in self.listens.items()
        }

    def as_json(self) -> dict[str, Any]:
        """The recap as plain values for JSON."""
        values = asdict(self) | {"unit": self.period.unit.value, "headline": self.headline()}
        values["months" if self.period.unit is Unit.YEAR else "days"] = values.pop("parts")
        values |= {"first": str(self.period.first), "last": str(self.period.last), "sentences": self.sentences()}
        if self.period.unit is Unit.WEEK:
            values["monday"] = values["first"]
        del values["period"]
        return values | {name: day and str(day) for name, day in (("begins", self.begins), ("until", self.until))}

    def _times(self) -> str:
        return "once" if self.total == 1 else plural(self.total, "time")

    @property
    def _earlier(self) -> str:
        """The period before in a sentence."""
        return compared_days(f"the {self.period.unit} before", self.until)

    def _silence(self) -> str:
        past = sum(self.before.values())
        known = f"; {self._earlier} had {plural(past, 'listen')}" if past else ""
        return f"{self.display_name} has no stored listens in {self.period.name}{known}."

    def _compared(self) -> str:
        past = sum(self.before.values())
        if not self.comparable:
            return ""
        if not past:
            return f"; {self._earlier} had none"
        if self.total == past:
            return f", as often as {self._earlier}"
        return f", {plural(abs(self.total - past))} {'more' if self.total > past else 'fewer'} than {self._earlier}"

    def _incomplete(self) -> list[str]:
        """What is missing of the period and of the one before."""
        unit, said = self.period.unit, []
        if self.begins and not self.comparable:
            begin = f"{self.begins.day} {self.begins:%b %Y}"
            partly = self.begins > self.period.first
            missing = f"this {unit} is incomplete" if partly else f"no whole {unit} before can be compared"
            said.append(f"The history begins on {begin}, so {missing}.")
        if self.until:
            said.append(f"The {unit} is not over: it is counted up to {self.until.day} {self.until:%b %Y}.")
        return said

    def _moods(self) -> list[str]:
        top = self.leading()
        if top is None:
            return []
        if self.total == 1:
            return [f"It was {top.lower()} music."]
        if self.is_few:
            return [f"{top} music led with {self.listens[top]} of {plural(self.total, 'listen')}, too few for a share."]
        share, before = self.shares()[top]
        if before is None:
            return [f"{top} music led with {share:.0f}% of the listens.", *self._interval(top)]
        change = share - before
        points = "point" if abs(change) < 1.5 else "points"
        moved = f"{abs(change):.0f} {points} {'more' if change > 0 else 'less'} than in {self._earlier}"
        direction = f"as in {self._earlier}" if abs(change) < 0.5 else moved
        return [
            f"{top} music led with {share:.0f}% of the listens, {direction}.",
            *self._interval(top),
            *self._largest_change(top),
        ]

    def _interval(self, mood: str) -> list[str]:
        """The expected share, which can differ from the share of labels."""
        if mood not in self.intervals:
            return []
        low, high = self.intervals[mood]
        share = f"{100 * self.expected[mood]:.0f}% ({100 * low:.0f} to {100 * high:.0f}%, 90% interval)"
        counted = "That counts only the most probable mood of each listen"
        return [f"{counted}; with every mood counted by its probability, {mood} has {share}."]

    def _largest_change(self, reported: str) -> list[str]:
        """The mood whose share changed most, unless it is ``reported`` already or changed little."""
        changes = {mood: now - (before or 0) for mood, (now, before) in self.shares().items() if mood in MOODS}
        mood = max(MOODS, key=lambda one: abs(changes[one]))
        if mood == reported or abs(changes[mood]) < _NOTABLE_CHANGE:
            return []
        now, before = self.shares()[mood]
        return [f"{mood} music {'rose' if changes[mood] > 0 else 'fell'} most, from {before:.0f}% to {now:.0f}%."]

    def _tops(self) -> list[str]:
        said = []
        if self.top_track and self.top_track.listens > 1:
            said.append(f"Most played: {self.top_track}, {plural(self.top_track.listens, 'time')}.")
        if self.top_artist and self.top_artist.listens > 1:
            said.append(f"Top artist: {self.top_artist}, {plural(self.top_artist.listens, 'time')}.")
        if self.top_of_mood:
            songs = "Top song" if len(self.top_of_mood) == 1 else "Top songs"
            said.append(f"{songs}: " + "; ".join(f"{mood}: {top}" for mood, top in self.top_of_mood.items()) + ".")
        return said

    def _busiest(self) -> list[str]:
        totals = [sum(part.values()) for part in self.parts]
        busiest = max(range(len(totals)), key=totals.__getitem__, default=0)
        if len(Counter(totals)) < 2 or totals[busiest] == self.total:
            return []
        return [f"Most listens were {self.period.part_name(busiest)}: {plural(totals[busiest])}."]

    def _unlabelled(self) -> list[str]:
        without = self.listens[UNLABELLED]
        return [f"{plural(without, 'listen')} {'has' if without == 1 else 'have'} no mood."] if without else []


def counted_before(period: Period, until: date | None) -> tuple[date, date]:
    """The days of the period before that are compared: all, or as many as the period has up to ``until``."""
    before = period.before
    if until is None:
        return before.first, before.last
    return before.first, min(before.last, before.first + (until - period.first))


def no_listens() -> dict[str, int]:
    """Zero listens of each mood."""
    return dict.fromkeys(ALL_MOODS, 0)


def minutes_of(milliseconds: int) -> int:
    """Whole minutes, at least 1; half a minute counts as one, as in the page's own arithmetic."""
    return max(1, (milliseconds + 30_000) // 60_000)

"""What the rows of an export contain, in columns: its listens, tracks and names, and counts of the rest."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from mood_core.domain.play_ends import UNKNOWN_END
from mood_core.domain.records import ListenSource
from mood_core.domain.scrobbles import Scrobble
from mood_core.exports.outcomes import RowOutcome

UNKNOWN_MS = -1
"""Value of the duration column for plays without a duration."""


@dataclass(slots=True)
class TrackInfo:
    """Description of a track in an export."""

    track_id: str
    name: str
    artist: str
    album: str | None


@dataclass(slots=True)
class Plays:
    """Plays in columns of one length.

    Attributes:
        what: index of the track (or of the name).
        ended_s: end of the play, s since 1970 UTC.
        ms: play duration, ms; -1 if unknown.
        end: how the play ended, see :mod:`mood_core.domain.play_ends`.
    """

    what: array[int] = field(default_factory=lambda: array("i"))
    ended_s: array[int] = field(default_factory=lambda: array("q"))
    ms: array[int] = field(default_factory=lambda: array("i"))
    end: array[int] = field(default_factory=lambda: array("h"))

    def add(self, what: int, ended_s: int, ms: int, end: int = UNKNOWN_END) -> None:
        """Add one play."""
        self.what.append(what)
        self.ended_s.append(ended_s)
        self.ms.append(ms)
        self.end.append(end)

    def cut(self, length: int) -> None:
        """Remove the plays after the first ``length``."""
        for column in (self.what, self.ended_s, self.ms, self.end):
            del column[length:]


@dataclass(slots=True)
class ParsedExport:
    """A parsed export. ``outcomes`` counts rows that are not listens; ``tracked`` and ``named`` hold the listens.

    ``other_names`` are (track number, title, artist) where a row names a track otherwise than the first row did.
    ``addresses`` are title and artist of the tracks in playlists and libraries, by id; ``address_files`` counts them.
    ``repaired`` counts the broken characters of names that were replaced. ``scrobbles`` are by source, and by whether
    their times are only to the minute. ``damaged`` has the files of which nothing was read, with the reason and the
    remedy.
    """

    rows_read: int = 0
    repaired: int = 0
    addresses: dict[str, tuple[str, str]] = field(default_factory=dict)
    address_files: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    other_files: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    tracks: dict[str, int] = field(default_factory=dict)
    track_infos: list[TrackInfo] = field(default_factory=list)
    other_names: set[tuple[int, str, str]] = field(default_factory=set)
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    tracked: Plays = field(default_factory=Plays)
    named: Plays = field(default_factory=Plays)
    scrobbles: dict[tuple[ListenSource, bool], list[Scrobble]] = field(default_factory=lambda: defaultdict(list))

    def mark(self) -> Mark:
        """What :meth:`restore` needs to remove the rows that are read from now on."""
        counts = {source: len(rows) for source, rows in self.scrobbles.items()}
        return Mark(self.rows_read, len(self.tracked.what), len(self.named.what), counts, self.outcomes.copy())

    def restore(self, mark: Mark) -> None:
        """Remove the rows since ``mark``; tracks and names that only they have stay, but have no plays."""
        self.rows_read, self.outcomes = mark.rows_read, mark.outcomes
        self.tracked.cut(mark.tracked)
        self.named.cut(mark.named)
        for source, rows in self.scrobbles.items():
            del rows[mark.scrobbles.get(source, 0) :]


@dataclass(frozen=True, slots=True)
class Mark:
    """How many rows of each kind were read before a file."""

    rows_read: int
    tracked: int
    named: int
    scrobbles: dict[tuple[ListenSource, bool], int]
    outcomes: Counter[RowOutcome]

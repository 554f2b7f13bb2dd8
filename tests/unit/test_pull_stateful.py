"""Merge, watermark and gap rules against a plain model of a person's life: pulls, late reports, outages and imports.

The machine drives the real ``PullListens``; what it stores is in memory. The model knows which plays really happened,
when each was reported, and which were ever shown in a window.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.play_matching import matches_by_song
from mood_core.domain.play_rules import Play
from mood_core.domain.records import Listen, ListenSource, Track, TrackName, to_ms
from mood_core.errors import MoodlogError, QuotaExceeded, ReauthorisationNeeded, Unavailable
from mood_core.lake.schema import Dataset
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.known_plays import Stored
from mood_core.usecases.nightly.pull_listens import PullListens

START = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the night in which Europe's clocks go forward
SIZE = 5  # a small window overflows often
LENGTH = timedelta(minutes=3)
TRACKS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=2 * SIZE)
"""What is played, and whether Spotify shows a play's start."""

TROUBLES: list[MoodlogError] = [
    Unavailable("down", source="spotify"),
    QuotaExceeded("used up", source="spotify", retry_after_s=9_000),
    ReauthorisationNeeded("ended", source="spotify"),
]


@dataclass(frozen=True)
class RealPlay:
    """A play that happened. Spotify reports its ``shown_at``: now the start, now the end; an export reports the end."""

    ends_at: datetime
    track: str
    shown_at: datetime

    @property
    def key(self) -> tuple[datetime, str]:
        return self.shown_at, self.track


class Shelf:
    """Stored listens and gaps of one person, in memory."""

    def __init__(self) -> None:
        self.listens: list[tuple[datetime, str, int | None, ListenSource]] = []
        self.gaps: list[tuple[datetime, datetime]] = []
        self.problem: str | None = None

    def newest_before(self, user_id: str, before: datetime) -> datetime | None:
        return max((at for at, *_ in self.listens if at < before), default=None)

    def plays_since(self, user_id: str, since: datetime) -> list[Stored]:
        return [
            (Listen(user_id, at, track, source, ms), _track(track))
            for at, track, ms, source in self.listens
            if at >= since
        ]

    def names_of(self, track_ids: Collection[str]) -> list[TrackName]:
        return []  # no track has another name here

    def renamed_tracks(self) -> dict[str, list[Track]]:
        return {}

    def undescribed_among(self, tracks: Sequence[Track], *, corrects: bool) -> list[Track]:
        return list(tracks)

    def pulled(self, user_ids: Sequence[str], *, at: datetime) -> None:
        self.problem = None

    def troubled(self, user_ids: Sequence[str], problem: str) -> None:
        self.problem = problem

    def gone_among(self, user_ids: Collection[str]) -> set[str]:
        return set()  # nobody is forgotten here

    def add(self, dataset: Dataset, rows: pa.Table, *, now: datetime) -> int:
        for row in rows.to_pylist():
            if dataset.name == "listens":
                self.listens.append((row["played_at"], row["track_id"], row["ms_played"], ListenSource(row["source"])))
            elif dataset.name == "gaps":
                self.gaps.append((row["starts_at"], row["ends_at"]))
        return int(rows.num_rows)


class Life(RuleBasedStateMachine):
    """Plays in time, plays that are reported late, pulls of the newest ``SIZE`` reported plays, failures, exports."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.played: list[RealPlay] = []
        self.reported: list[RealPlay] = []
        self.unreported: list[RealPlay] = []
        self.unpulled: list[RealPlay] = []
        self.shown: set[RealPlay] = set()
        self.exported: set[RealPlay] = set()
        self.unknowable: set[RealPlay] = set()
        self.watermark = START
        self.shelf = Shelf()
        self.failing: MoodlogError | None = None
        self.loops = self.loops_at_start = False
        self.pull_listens = PullListens(
            lambda _: self, cast(ListenStore, self.shelf), cast(Accounts, self.shelf), cast(Batches, self.shelf)
        )

    def recently_played(self) -> ListenWindow:
        if self.failing:
            raise self.failing
        window = self._window()
        listens = tuple(Listen("ada", *play.key, ListenSource.RECENTLY_PLAYED) for play in window)
        tracks = tuple(_track(play.track) for play in window)
        return ListenWindow(listens, tracks, (), len(window) == SIZE, window[0].shown_at if window else None)

    def _window(self) -> list[RealPlay]:
        return sorted(self.reported, key=lambda play: play.shown_at)[-SIZE:]

    @initialize(loops=st.booleans(), at_start=st.booleans())
    def how_they_listen(self, loops: bool, at_start: bool) -> None:
        """Where a track repeats at once, Spotify shows all plays by the same end and none late.

        Otherwise the end of a play and the start of the next are at one time, and a repeat that appears late as the
        oldest item of a window cannot be distinguished from a revision of the play before it.
        """
        self.loops, self.loops_at_start = loops, at_start

    def _play(self, track: str, at_start: bool) -> RealPlay:
        self.now += LENGTH
        if self.loops:
            at_start = self.loops_at_start
        else:
            track += str(len(self.played) % 3)
        play = RealPlay(self.now, track, self.now - LENGTH + timedelta(seconds=5) if at_start else self.now)
        self.played.append(play)
        return play

    def _report(self, plays: list[RealPlay]) -> None:
        self.reported += plays
        self.unpulled += plays

    @rule(offline=TRACKS, online=TRACKS, pulled=st.booleans())
    def a_day(self, offline: list[tuple[str, bool]], online: list[tuple[str, bool]], pulled: bool) -> None:
        """Some plays without a network, others with one, perhaps a pull; then the first appear, late."""
        plays = [self._play(*track) for track in offline]
        if self.loops:
            self._report(plays)
        else:
            self.unreported += plays
        self._report([self._play(*track) for track in online])
        if pulled:
            self.pull()
        self._report(self.unreported)
        self.unreported = []

    @rule(error=st.sampled_from(TROUBLES))
    def a_pull_fails(self, error: MoodlogError) -> None:
        before = list(self.shelf.listens), list(self.shelf.gaps)
        self.failing = error
        self.pull_listens(["ada"], now=self.now)
        self.failing = None
        assert (self.shelf.listens, self.shelf.gaps) == before
        assert self.shelf.problem == error.message

    @rule()
    def pull(self) -> None:
        window, had = self._window(), len(self.shelf.gaps)
        stored = {at for at, *_ in self.shelf.listens}
        known = self.shown | self.exported
        covered = any(play.ends_at >= window[0].shown_at for play in self.exported) if window else False
        self.pull_listens(["ada"], now=self.now)
        assert self.shelf.problem is None
        gaps = self.shelf.gaps[had:]
        if len(window) == SIZE:
            edge = window[0]
            could_hide = edge not in known and not covered and any(at < edge.shown_at for at in stored)
            assert len(gaps) == could_hide
            for play in set(self.unpulled) - set(window) - known:
                below_what_is_stored = any(play.shown_at < at <= edge.shown_at for at in stored)
                if not stored or below_what_is_stored or not could_hide:
                    self.unknowable.add(play)  # before the first pull, or late and below all that could be seen
        else:
            assert not gaps
        self.unpulled = []
        self.shown |= set(window)

    @precondition(lambda self: not self.loops)
    @rule(share=st.sampled_from([0.5, 1.0]))
    def imports_an_export(self, share: float) -> None:
        """Everything that was played until some time ago, matched with what is stored as an import does.

        Not for a track in a loop, whose plays touch: there a polled start and an exported end can be at one time.
        """
        plays = self.played[: int(len(self.played) * share)]
        incoming = [(play.track, _row(play)) for play in plays]
        stored = [(track, Play(to_ms(at), ms, source)) for at, track, ms, source in self.shelf.listens]
        for play, match in zip(plays, matches_by_song(incoming, stored), strict=True):
            if match is None:
                ms = LENGTH // timedelta(milliseconds=1)
                self.shelf.listens.append((play.ends_at, play.track, ms, ListenSource.EXTENDED_HISTORY))
        self.exported |= set(plays)

    @invariant()
    def what_was_ever_visible_or_exported_is_stored_once(self) -> None:
        known = self.shown | self.exported
        assert len(self.shelf.listens) == len(known)
        for play in known:
            times = {at for at, track, *_ in self.shelf.listens if track == play.track}
            assert times & {play.shown_at, play.ends_at}

    @invariant()
    def lost_plays_are_in_a_gap_unless_undetectable(self) -> None:
        lost = set(self.reported) - set(self.unpulled) - self.shown - self.exported - self.unknowable
        for play in lost:
            assert any(begin < play.shown_at < end for begin, end in self.shelf.gaps)

    @invariant()
    def a_gap_shows_what_stands_at_its_ends(self) -> None:
        times = {at for at, *_ in self.shelf.listens} | {play.shown_at for play in self.shown}
        for begin, end in self.shelf.gaps:
            assert begin < end
            assert {begin, end} <= times

    @invariant()
    def a_watermark_only_grows(self) -> None:
        newest = max((at for at, *_ in self.shelf.listens), default=START)
        assert newest >= self.watermark
        self.watermark = newest


def _track(track_id: str) -> Track:
    return Track(track_id, "", (), duration_ms=LENGTH // timedelta(milliseconds=1))


def _row(play: RealPlay) -> Play:
    return Play(to_ms(play.ends_at), LENGTH // timedelta(milliseconds=1), ListenSource.EXTENDED_HISTORY)


def test_an_export_that_reaches_beyond_the_window_leaves_no_gap_before_it() -> None:
    """Even where the window's oldest listen is not in the export, as with a track that has two ids."""
    life = Life()
    life.a_day([], [("a", False)] * SIZE, pulled=False)
    exported = (START, START + 4 * LENGTH)
    life.shelf.listens = [(at, "z", 180_000, ListenSource.EXTENDED_HISTORY) for at in exported]
    life.pull_listens(["ada"], now=life.now)
    assert len(life.shelf.listens) == SIZE + len(exported)
    assert life.shelf.gaps == []


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)

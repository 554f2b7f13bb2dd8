"""Merge, watermark and gap rules against a plain model of a person's life, over many pulls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mood_core.pipeline.merge_window import merge_window
from mood_core.records import Gap, Listen, ListenSource

START = datetime(2026, 3, 28, 22, tzinfo=UTC)
SIZE = 5  # a small window overflows often


class Life(RuleBasedStateMachine):
    """Plays in time, plays that are reported late, and pulls of the newest ``SIZE`` reported plays."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.reported: list[Listen] = []
        self.unreported: list[Listen] = []
        self.late: set[Listen] = set()
        self.before_first_pull: set[Listen] = set()
        self.seen: set[Listen] = set()
        self.stored: list[Listen] = []
        self.gaps: list[Gap] = []

    def _play(self, track: str) -> Listen:
        self.now += timedelta(minutes=3)
        return Listen("ada", self.now, track, ListenSource.RECENTLY_PLAYED)

    @rule(tracks=st.lists(st.sampled_from("ab"), min_size=1, max_size=2 * SIZE))
    def plays(self, tracks: list[str]) -> None:
        self.reported += map(self._play, tracks)

    @rule(track=st.sampled_from("ab"))
    def plays_offline(self, track: str) -> None:
        self.unreported.append(self._play(track))

    @rule()
    def comes_online(self) -> None:
        self.late |= set(self.unreported)
        self.reported += self.unreported
        self.unreported = []

    @rule()
    def pull(self) -> None:
        window = sorted(self.reported, key=lambda listen: listen.played_at)[-SIZE:]
        watermark = max((listen.played_at for listen in self.stored), default=None)
        if watermark is None:
            self.before_first_pull = set(self.reported)
        merged = merge_window(
            "ada",
            reversed(window),
            full=len(window) == SIZE,
            oldest_at=window[0].played_at if window else None,
            stored={(listen.played_at, listen.track_id) for listen in self.stored},
            watermark=watermark,
            now=self.now,
        )
        self.seen |= set(window)
        self.stored += merged.new
        if merged.gap:
            assert not any(merged.gap.starts_at < listen.played_at < merged.gap.ends_at for listen in self.stored)
            self.gaps.append(merged.gap)

    @invariant()
    def what_was_ever_visible_is_stored_once(self) -> None:
        assert len(self.stored) == len(set(self.stored))
        assert set(self.stored) == self.seen

    @invariant()
    def what_was_lost_in_time_lies_in_a_gap(self) -> None:
        newest = max((listen.played_at for listen in self.stored), default=START)
        lost = set(self.reported) - self.seen - self.late - self.before_first_pull
        for listen in lost:
            if listen.played_at < newest:
                assert any(gap.starts_at < listen.played_at < gap.ends_at for gap in self.gaps)

    @invariant()
    def a_gap_stands_only_where_a_whole_window_passed(self) -> None:
        for gap in self.gaps:
            after = [listen for listen in self.stored if listen.played_at >= gap.ends_at]
            assert len(after) >= SIZE
            assert gap.starts_at in {listen.played_at for listen in self.stored}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

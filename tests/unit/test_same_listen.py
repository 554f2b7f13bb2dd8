"""How far apart the times of one play in two sources may be, to the millisecond."""

from __future__ import annotations

import pytest

from mood_core.domain.play_rules import Play, same_listen
from mood_core.domain.records import ListenSource

END = 1_800_000_000_000
"""A whole minute, ms since 1970."""
LENGTH = 200_000

EXTENDED = Play(END, LENGTH, ListenSource.EXTENDED_HISTORY)
ACCOUNT = Play(END, LENGTH, ListenSource.ACCOUNT_DATA)


@pytest.mark.parametrize(
    ("exported", "earliest", "latest"),
    [
        (EXTENDED, END - LENGTH - 30_000, END + 1_000 + 30_000),
        (ACCOUNT, END - LENGTH - 30_000, END + 60_000 + 30_000),
    ],
    ids=["reported to the second", "reported to the minute"],
)
def test_a_polled_time_is_in_the_play_or_half_a_minute_beside_it(exported: Play, earliest: int, latest: int) -> None:
    for at_ms, is_same in ((earliest - 1, False), (earliest, True), (END, True), (latest, True), (latest + 1, False)):
        polled = Play(at_ms, None, ListenSource.RECENTLY_PLAYED)
        assert same_listen(polled, exported) is same_listen(exported, polled) is is_same


def test_the_second_is_in_the_minute_give_or_take_half_a_minute() -> None:
    for beside_ms, is_same in ((-30_001, False), (-30_000, True), (59_000, True), (89_999, True), (90_000, False)):
        second = Play(END + beside_ms, LENGTH, ListenSource.EXTENDED_HISTORY)
        assert same_listen(second, ACCOUNT) is same_listen(ACCOUNT, second) is is_same


def test_both_forms_of_an_export_have_equal_durations_within_two_seconds() -> None:
    for more_ms, is_same in ((-2_001, False), (-2_000, True), (2_000, True), (2_001, False)):
        assert same_listen(Play(END, LENGTH + more_ms, ListenSource.EXTENDED_HISTORY), ACCOUNT) is is_same


def test_rows_of_one_source_are_one_play_only_when_they_are_one_row() -> None:
    assert same_listen(EXTENDED, Play(END, LENGTH, ListenSource.EXTENDED_HISTORY))
    assert not same_listen(EXTENDED, Play(END + 1_000, LENGTH, ListenSource.EXTENDED_HISTORY))
    assert not same_listen(EXTENDED, Play(END, LENGTH + 1, ListenSource.EXTENDED_HISTORY))

"""What plays show of a recording's duration."""

from __future__ import annotations

import pytest

from mood_core.domain.play_lengths import KnownLength, PlayCount, length_of_longest, length_of_plays


@pytest.mark.parametrize(
    ("plays", "expected"),
    [
        ([], KnownLength()),
        ([PlayCount(200_000, "trackdone", 5)], KnownLength(duration_ms=200_000)),
        ([PlayCount(40_000, "fwdbtn", 9), PlayCount(200_000, "trackdone", 2)], KnownLength(duration_ms=200_000)),
        ([PlayCount(200_000, "trackdone", 3), PlayCount(250_000, "trackdone", 1)], KnownLength(duration_ms=200_000)),
        ([PlayCount(200_000, "trackdone", 1)], KnownLength(at_least_ms=200_000)),
        ([PlayCount(200_000, "trackdone", 1), PlayCount(210_000, None, 1)], KnownLength(at_least_ms=210_000)),
        ([PlayCount(200_000, None, 5)], KnownLength(at_least_ms=200_000)),
    ],
)
def test_repeated_plays_to_the_end_have_the_duration_and_others_a_limit(
    plays: list[PlayCount], expected: KnownLength
) -> None:
    assert length_of_plays(plays) == expected


@pytest.mark.parametrize(
    ("longest", "repeated", "expected"),
    [(250, 200, 200), (250, 30, 250), (250, None, 250), (None, None, None)],
    ids=["rewound", "previews", "single plays", "no durations"],
)
def test_the_longest_play_is_the_limit_but_not_a_rewound_one(
    longest: int | None, repeated: int | None, expected: int | None
) -> None:
    assert length_of_longest(longest, repeated) == KnownLength(at_least_ms=expected)


@pytest.mark.parametrize(
    ("length", "duration", "allowed", "confirmed"),
    [
        (KnownLength(200_000), 203_000, True, True),
        (KnownLength(200_000), 205_000, False, False),
        (KnownLength(200_000), None, True, False),
        (KnownLength(at_least_ms=200_000), 195_500, False, False),
        (KnownLength(at_least_ms=200_000), 197_000, True, True),
        (KnownLength(at_least_ms=400_000), 393_000, True, True),
        (KnownLength(at_least_ms=200_000), 300_000, True, False),
        (KnownLength(), 300_000, True, False),
    ],
)
def test_durations_within_3_s_or_2_percent_agree(
    length: KnownLength, duration: int | None, *, allowed: bool, confirmed: bool
) -> None:
    assert (length.allows(duration), length.confirms(duration)) == (allowed, confirmed)

"""A play's identity survives revised windows: other times and other ids of the same plays are found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.play_matching import align, matches_by_song
from mood_core.domain.play_rules import Play, revised
from mood_core.domain.records import Listen, ListenSource, Track, to_ms
from mood_core.usecases.nightly.known_plays import known_plays, reach

START = datetime(2026, 11, 1, tzinfo=UTC)
SIZE = 8
"""Items of a full window."""


@dataclass(frozen=True)
class Heard:
    """A play: its song, its end, the duration of the song, and how long it ran, in seconds."""

    song: int
    end: float
    duration: int
    seconds: float = 0.0

    def exported(self, *, to_the_minute: bool = False) -> tuple[Listen, Track]:
        """The row of an export, with a track id that a window does not have."""
        end, seconds = (self.end // 60 * 60, self.seconds) if to_the_minute else (self.end, self.seconds)
        source = ListenSource.ACCOUNT_DATA if to_the_minute else ListenSource.EXTENDED_HISTORY
        track = Track(f"{self.song}exported", f"Song {self.song}", ("The Invented",))
        return Listen("ada", START + timedelta(seconds=end), track.track_id, source, int(seconds * 1000)), track

    def shown(self, *, later: float = 0.0, relinked: bool = False) -> tuple[Listen, Track]:
        track_id = f"{self.song}{'again' * relinked}"
        track = Track(track_id, f"Song {self.song}", ("The Invented",), duration_ms=self.duration * 1000)
        at = START + timedelta(seconds=self.end + later)
        return Listen("ada", at, track_id, ListenSource.RECENTLY_PLAYED), track


@st.composite
def histories(draw: st.DrawFn) -> list[Heard]:
    """Plays one after the other; songs repeat, also at once, and are played in part or in full."""
    durations = draw(st.lists(st.integers(35, 400), min_size=3, max_size=3))
    plays: list[Heard] = []
    end = 0.0
    for song, part, pause in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from([0.5, 1.0]), st.integers(0, 300)), min_size=1, max_size=24
        )
    ):
        seconds = max(31, durations[song] * part)
        end += pause + seconds
        plays.append(Heard(song, end, durations[song], seconds))
    return plays


def pull(stored: list[tuple[Listen, Track]], shown: Sequence[tuple[Listen, Track]]) -> int:
    """Store what is new of a window, as a pull does; returns the number of new listens."""
    shown = sorted(shown, key=lambda each: (each[0].played_at, each[0].track_id))[-SIZE:]
    listens, tracks = tuple(listen for listen, _ in shown), tuple(track for _, track in shown)
    window = ListenWindow(listens, tracks, (), len(shown) == SIZE, listens[0].played_at)
    keys = {(listen.played_at, listen.track_id) for listen, _ in stored}
    unknown = [listen for listen in listens if (listen.played_at, listen.track_id) not in keys]
    if not unknown:
        return 0
    near = [each for each in stored if each[0].played_at >= unknown[0].played_at - reach(window)]
    known = known_plays(window, unknown, near)
    new = [each for each in shown if each[0] in unknown and (each[0].played_at, each[0].track_id) not in known]
    stored += new
    return len(new)


shifts = st.sampled_from([-180.0, -1.0, -0.001, 0.0, 0.001, 1.0, 180.0])


@given(histories(), shifts, st.booleans(), st.booleans())
def test_a_revised_window_stores_nothing_in_either_order(
    plays: list[Heard], later: float, relinked: bool, revised_first: bool
) -> None:
    ends = [play.end for play in plays]
    assume(not any(end + later in ends for end in ends) or later == 0)  # then a revised window is one that moved on
    as_they_are = [play.shown() for play in plays[-SIZE:]]
    revised = [play.shown(later=later, relinked=relinked) for play in plays[-SIZE:]]
    stored: list[tuple[Listen, Track]] = []
    first, second = (revised, as_they_are) if revised_first else (as_they_are, revised)
    assert pull(stored, first) == len(plays[-SIZE:])
    assert pull(stored, second) == 0
    assert pull(stored, first) == 0


@given(histories(), shifts, st.booleans(), st.booleans())
def test_a_revised_window_whose_plays_only_an_export_has_stores_nothing(
    plays: list[Heard], later: float, relinked: bool, to_the_minute: bool
) -> None:
    plays = plays[: SIZE - 1]  # not a full window, so that every play is in it
    stored = [play.exported(to_the_minute=to_the_minute) for play in plays]
    assert pull(stored, [play.shown() for play in plays]) == 0
    assert pull(stored, [play.shown(later=later, relinked=relinked) for play in plays]) == 0


@given(histories(), st.integers(0, SIZE), st.booleans())
def test_plays_after_an_export_are_stored(plays: list[Heard], exported: int, to_the_minute: bool) -> None:
    """Also a song that is repeated at once, where an export ends."""
    stored = [play.exported(to_the_minute=to_the_minute) for play in plays[:exported]]
    assume(all(b.seconds > 91 for a, b in pairwise(plays) if a.song == b.song))
    new = plays[exported:][-SIZE:]
    assert pull(stored, [play.shown() for play in plays]) == len(new)


@given(histories(), shifts, st.sets(st.integers(0, 23)), st.booleans())
def test_an_export_adds_the_plays_that_polling_lost(
    plays: list[Heard], later: float, lost: set[int], to_the_minute: bool
) -> None:
    """Whatever times Spotify has given the others: a repeat beside a polled play is not taken for it."""
    exported = [_named(play.exported(to_the_minute=to_the_minute)) for play in plays]
    polled = [_named(play.shown(later=later)) for number, play in enumerate(plays) if number not in lost]
    found = matches_by_song(exported, [(song, replace(play, expected=True)) for song, play in polled])
    assert found.count(None) == len(plays) - len(polled)


def _named(shown: tuple[Listen, Track]) -> tuple[str, Play]:
    listen, track = shown
    return track.name, Play(to_ms(listen.played_at), listen.ms_played, listen.source, track.duration_ms)


@given(histories(), st.lists(st.integers(1, 4), max_size=6))
def test_every_play_of_overlapping_windows_is_stored_once(plays: list[Heard], steps: list[int]) -> None:
    """Windows that move on by a few plays; what was cut short and begun again is two plays."""
    stored: list[tuple[Listen, Track]] = []
    seen = 0
    for step in (1, *steps):
        seen = min(len(plays), seen + step)
        pull(stored, [play.shown() for play in plays[:seen]])
    assert len(stored) == seen


@given(histories(), shifts, st.integers(1, 4))
def test_new_plays_after_revised_ones_are_stored(plays: list[Heard], later: float, new: int) -> None:
    stored: list[tuple[Listen, Track]] = []
    pull(stored, [play.shown() for play in plays])
    had, after, ends = len(stored), plays[-1].end + 1_000, [play.end for play in plays]
    assume(not any(end + later in ends for end in ends) or later == 0)
    others = [Heard(7, after + 500 * number, 200) for number in range(new)]
    assert pull(stored, [play.shown(later=later) for play in (*plays, *others)]) == new
    assert len(stored) == had + new


@pytest.mark.parametrize("apart", [200.0, 200.5, 260.0])
def test_a_loop_across_two_windows_without_a_common_play_is_kept(apart: float) -> None:
    loop = [Heard(0, apart * number, 200) for number in range(2 * SIZE)]
    stored: list[tuple[Listen, Track]] = []
    assert pull(stored, [play.shown() for play in loop[:SIZE]]) == SIZE
    assert pull(stored, [play.shown() for play in loop]) == SIZE


def test_a_play_shown_by_its_end_now_is_the_one_that_was_shown_by_its_start() -> None:
    plays = [Heard(number, 300.0 * number, 240) for number in range(SIZE)]
    stored: list[tuple[Listen, Track]] = []
    pull(stored, [play.shown(later=-240) for play in plays])
    for flipped in range(SIZE):
        assert pull(stored, [play.shown(later=0 if play.song == flipped else -240) for play in plays]) == 0


records = st.lists(st.integers(0, 2_000), max_size=12, unique=True).map(
    lambda seconds: [Play(at * 1000, None, ListenSource.RECENTLY_PLAYED, 200_000) for at in sorted(seconds)]
)


@given(records, records)
def test_as_many_records_match_whichever_came_first(some: list[Play], others: list[Play]) -> None:
    assert align(some, others, revised).count(None) - len(others) == align(others, some, revised).count(None) - len(
        some
    )
    assert None not in align(some, some, revised)


@pytest.mark.parametrize(("one_s", "is_known"), [(200, True), (900, False)])
def test_one_code_on_recordings_of_other_durations_is_not_one_song(one_s: int, is_known: bool) -> None:
    listen, track = Heard(0, 0, 200).shown()
    other = replace(track, track_id="other", name="Another name", isrc="QZAAA2600001", duration_ms=one_s * 1000)
    again = replace(listen, track_id="other", played_at=listen.played_at + timedelta(seconds=1))
    window = ListenWindow((again,), (other,), (), full=False, oldest_at=again.played_at)
    known = known_plays(window, [again], [(listen, replace(track, isrc="QZAAA2600001"))])
    assert bool(known) is is_known

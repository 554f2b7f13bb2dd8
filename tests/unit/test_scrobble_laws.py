"""Laws of matching scrobbles: each true play is stored once, repeats stay, and the order of arrival does not matter."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mood_core.domain.listen_window import AnyPlay, track_of
from mood_core.domain.records import Listen, ListenSource, Track
from mood_core.domain.scrobbles import Scrobble
from mood_core.scrobbles.window import window_of_scrobbles
from mood_core.usecases.imports.new_scrobbles import new_scrobbles

START = datetime(2026, 11, 1, 20, tzinfo=UTC)
DURATIONS_S = (95, 210, 420)
"""The duration of each song."""
TRACKS = [Track(f"{song:022d}", f"Song {song}", ("Band",), duration_ms=s * 1000) for song, s in enumerate(DURATIONS_S)]


class Heard(NamedTuple):
    """A play that happened."""

    song: int
    starts: datetime
    ends: datetime


@st.composite
def evenings(draw: st.DrawFn, longest_loop: int = 3) -> list[Heard]:
    """Plays one after the other: loops, plays that are cut short, pauses.

    Loops of more than three are undecidable if pages of two services arrive in turns: a page that ends within a loop
    fits in several places.
    """
    now, plays, song = START, [], 0
    for _ in range(draw(st.integers(1, 14))):
        song, share = (song + draw(st.integers(1, 2))) % 3, draw(st.sampled_from([1.0, 1.0, 0.6]))
        for _ in range(draw(st.sampled_from([1, 1, 1, longest_loop]))):
            ends = now + timedelta(milliseconds=int(DURATIONS_S[song] * 1000 * share))
            plays.append(Heard(song, now, ends))
            now = ends + timedelta(milliseconds=draw(st.integers(400, 2_400)))
        now += timedelta(seconds=draw(st.sampled_from([0, 0, 0, 900])))
    return plays


def listenbrainz(plays: list[Heard], rng: random.Random) -> list[Scrobble]:
    """Each play with its id, cut to the second; some twice, some seconds apart."""
    rows = []
    for play in plays:
        at, track = play.starts.replace(microsecond=0), TRACKS[play.song]
        duration = track.duration_ms if rng.random() < 0.8 else None
        rows.append(Scrobble(at, track.artists, track.name, track_id=track.track_id, duration_ms=duration))
        if rng.random() < 0.1:
            rows.append(Scrobble(at + timedelta(seconds=rng.randrange(1, 12)), track.artists, track.name))
    return rows


def lastfm(plays: list[Heard], _rng: random.Random) -> list[Scrobble]:
    """Each play by name, rounded to the nearest second."""
    half = timedelta(milliseconds=500)
    return [
        Scrobble((play.starts + half).replace(microsecond=0), TRACKS[play.song].artists, TRACKS[play.song].name)
        for play in plays
    ]


SERVICES = {ListenSource.LISTENBRAINZ: listenbrainz, ListenSource.LASTFM: lastfm}


def known(plays: list[Heard], source: ListenSource | None) -> list[AnyPlay]:
    """What an export or the polling of Spotify has stored before."""
    if source is ListenSource.EXTENDED_HISTORY:
        lengths = [(play.ends - play.starts) // timedelta(milliseconds=1) for play in plays]
        return [
            (
                Listen("ada", play.ends.replace(microsecond=0), TRACKS[play.song].track_id, source, length),
                TRACKS[play.song],
            )
            for play, length in zip(plays, lengths, strict=True)
        ]
    if source is ListenSource.RECENTLY_PLAYED:
        return [(Listen("ada", play.ends, TRACKS[play.song].track_id, source), TRACKS[play.song]) for play in plays]
    return []


def arrive(store: list[AnyPlay], rows: list[Scrobble], source: ListenSource) -> None:
    """Store what is new of a page of ``rows``."""
    window = window_of_scrobbles(sorted(rows, key=lambda row: row.started_at), "ada", source)
    tracks = {track.track_id: track for track in window.tracks}
    new = new_scrobbles(window, source, store)
    assert sum(new.outcomes.values()) == len(window.listens) + len(window.named)
    store += [(listen, tracks[listen.track_id]) for listen in new.listens]
    store += [(play, track_of(play)) for play in new.named]


def songs(store: list[AnyPlay]) -> Counter[str]:
    """The number of stored plays of each song."""
    return Counter(track.name for _, track in store)


@given(
    evenings(),
    st.randoms(use_true_random=False),
    st.sampled_from([None, ListenSource.EXTENDED_HISTORY, ListenSource.RECENTLY_PLAYED]),
)
@settings(max_examples=150, deadline=None)
def test_each_play_is_stored_once_in_whatever_order_pages_arrive(
    plays: list[Heard], rng: random.Random, first: ListenSource | None
) -> None:
    pages: list[tuple[ListenSource, list[Scrobble]]] = []
    for source, report in SERVICES.items():
        rows = report(plays, rng)
        size = rng.randrange(3, 20)
        pages += [(source, rows[start : start + size]) for start in range(0, len(rows), size)]
    rng.shuffle(pages)
    store = known(plays, first)
    for source, rows in [*pages, *pages]:  # every page is read a second time
        arrive(store, rows, source)
    assert songs(store) == Counter(TRACKS[play.song].name for play in plays)


@given(
    st.integers(4, 20).flatmap(evenings),
    st.randoms(use_true_random=False),
    st.permutations(list(SERVICES)),
    st.sampled_from([None, ListenSource.EXTENDED_HISTORY, ListenSource.RECENTLY_PLAYED]),
)
@settings(max_examples=60, deadline=None)
def test_a_loop_of_any_length_keeps_each_play_if_each_service_is_read_whole(
    plays: list[Heard], rng: random.Random, services: list[ListenSource], first: ListenSource | None
) -> None:
    """Page by page, from the newest one back, as a pull reads, or from the oldest one on, as an import does."""
    store = known(plays, first)
    for _ in range(2):
        for source in services:
            rows = SERVICES[source](plays, random.Random(0))
            size = rng.randrange(3, 20)
            pages = [rows[start : start + size] for start in range(0, len(rows), size)]
            for page in pages if rng.random() < 0.5 else reversed(pages):
                arrive(store, page, source)
    assert songs(store) == Counter(TRACKS[play.song].name for play in plays)


@given(evenings(), st.sampled_from(list(SERVICES)), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_what_arrives_late_is_stored_once(plays: list[Heard], source: ListenSource, rng: random.Random) -> None:
    rows = SERVICES[source](plays, rng)
    store: list[AnyPlay] = []
    arrive(store, [row for row in rows if rng.random() < 0.7], source)
    arrive(store, rows, source)
    assert songs(store) == Counter(TRACKS[play.song].name for play in plays)

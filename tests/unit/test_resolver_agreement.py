"""Which recordings a name accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mood_core.domain.play_lengths import KnownLength
from mood_core.domain.records import Track
from mood_core.domain.track_names import plain_artist, plain_title, searched_artist, searched_title
from mood_core.resolvers.resolver import WantedName, completed


def wanted(artist: str, title: str, *tracks: Track) -> WantedName:
    name = plain_artist(artist), plain_title(title)
    return WantedName(name, artist, title, frozenset([name[0]]), tracks)


@pytest.mark.parametrize(
    ("title", "artists", "agrees"),
    [
        ("Song", ("The Band",), True),
        ("SONG", ("the band", "Guest"), True),
        ("Song (feat. Guest)", ("The Band",), True),
        ("Song - 2011 Remaster", ("The Band",), True),
        ("Song (Remastered 2011)", ("The Band",), True),
        ("Song (Live at the Arena)", ("The Band",), False),
        ("Song (live, 2011-07-01: the Arena)", ("The Band",), False),
        ("Song - Acoustic", ("The Band",), False),
        ("Song (Radio Edit)", ("The Band",), False),
        ("Song 2", ("The Band",), False),
        ("Song", ("The Band Tribute",), False),
        ("Song", ("Guest", "The Band"), False),
        ("Song", (), False),
    ],
)
def test_the_same_recording_of_the_same_artist_agrees(title: str, artists: tuple[str, ...], *, agrees: bool) -> None:
    assert wanted("The Band", "Song").agrees(Track("x", title, artists)) is agrees


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song feat. X", "Song"), ("Song - feat. X", "Song"), ("Song (w/ X)", "Song"), ("Song【feat. X】", "Song"),
        ("Song (with The Weeknd)", "Song"), ("Song feat. X (Live)", "Song - Live"), ("Ｓｏｎｇ", "song"),
        ("Song - feat. X - Acoustic", "Song (Acoustic)"), ("Song (Remastered Version) ", "Song"),
        ("Song (2009 Remastered Version)", "Song"), ("Song - Mono / Remastered 2009", "Song"), ("Song (Mono)", "Song"),
        ("Song - 2011 - Remaster", "Song"), ("Song - Bonus Track", "Song"), ("Song - Mono Version", "Song"),
        ("Song (Mono) - 2011 Remaster", "Song"),
        ("ｶﾞﾝﾀﾞﾑ", "ガンダム"), ("Love ♥️", "Love ♥"),
        ("Café", "Café"), ("So\u200bng", "Song"),
    ],
)  # fmt: skip
def test_one_recording_has_one_name(one: str, other: str) -> None:
    assert plain_title(one) == plain_title(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song feat. X (Live)", "Song"), ("Song feat. X - Remix", "Song"), ("Song - feat. X - Acoustic", "Song"),
        ("Stay (With Me)", "Stay"), ("Song (without you)", "Song"), ("Song - Live / Remastered", "Song"),
        ("Song - Radio Edit", "Song"), ("Song (Original Mix)", "Song"), ("Song 2", "Song"), ("की", "के"), ("ผี", "ผื"),
    ],
)  # fmt: skip
def test_other_recordings_and_other_words_have_other_names(one: str, other: str) -> None:
    assert plain_title(one) != plain_title(other)


def test_guests_are_no_part_of_an_artist() -> None:
    assert plain_artist("The Band feat. Guest") == plain_artist("The Band (ft. Guest)") == plain_artist("the band")
    assert searched_artist("The Band Feat. Guest & Co") == "The Band"
    assert plain_artist("Simon & Garfunkel") == "simon and garfunkel"
    assert plain_artist("Within Temptation") == "within temptation"


def test_a_live_version_is_found_by_its_own_name() -> None:
    name = wanted("The Band", "Song - Live at the Arena")
    assert name.agrees(Track("x", "Song (Live at the Arena)", ("The Band",)))
    assert not name.agrees(Track("x", "Song", ("The Band",)))


def test_an_artist_s_comma_is_part_of_the_name() -> None:
    assert wanted("Tyler, The Creator", "Song").agrees(Track("x", "Song", ("Tyler, The Creator",)))
    assert not wanted("Tyler", "Song").agrees(Track("x", "Song", ("Tyler, The Creator",)))


@pytest.mark.parametrize(("ours", "theirs", "agrees"), [(200, 202, True), (200, 260, False), (None, 260, True)])
def test_a_known_duration_must_agree(ours: int | None, theirs: int, *, agrees: bool) -> None:
    track = Track("a" * 22, "Song", ("The Band",), duration_ms=ours and ours * 1000)
    found = Track("isrc:GBAAA2600001", "Song", ("The Band",), duration_ms=theirs * 1000, isrc="GBAAA2600001")
    name = wanted("The Band", "Song", track)
    assert name.agrees(found) is agrees
    assert [each.isrc for stored in name.choose([found]).values() for each in completed(stored, found)] == (
        ["GBAAA2600001"] if agrees else []
    )


def of_length(seconds: int | None, isrc: str = "GBAAA2600001") -> Track:
    return Track(f"isrc:{isrc}", "Song", ("The Band",), duration_ms=seconds and seconds * 1000, isrc=isrc)


FIRST, SECOND = of_length(270), of_length(200, "GBAAA2600002")


@pytest.mark.parametrize(
    ("length", "chosen"),
    [
        (KnownLength(duration_ms=200_000), SECOND),
        (KnownLength(duration_ms=230_000), None),
        (KnownLength(at_least_ms=201_000), SECOND),
        (KnownLength(at_least_ms=240_000), FIRST),
        (KnownLength(at_least_ms=300_000), None),
        (KnownLength(at_least_ms=90_000), FIRST),
        (KnownLength(), FIRST),
    ],
)
def test_the_recording_that_plays_agree_with_precedes_the_first(length: KnownLength, chosen: Track | None) -> None:
    expected = [] if chosen is None else [chosen]
    assert list(replace(wanted("The Band", "Song"), length=length).choose([FIRST, SECOND])) == expected
    stored = Track("a" * 22, "Song", ("The Band",))
    of_track = replace(wanted("The Band", "Song", stored), lengths={stored.track_id: length})
    assert of_track.choose([FIRST, SECOND]) == {each: [stored] for each in expected}


def test_a_recording_of_the_played_duration_precedes_one_without_a_duration() -> None:
    name = replace(wanted("The Band", "Song"), length=KnownLength(duration_ms=200_000))
    assert list(name.choose([of_length(None), SECOND])) == [SECOND]


def test_two_tracks_of_one_name_get_each_its_recording() -> None:
    long, short = Track("a" * 22, "Song", ("The Band",)), Track("b" * 22, "Song", ("The Band",))
    lengths = {long.track_id: KnownLength(270_000), short.track_id: KnownLength(200_000)}
    name = replace(wanted("The Band", "Song", long, short), lengths=lengths)
    chosen = name.choose([FIRST, SECOND])
    assert chosen == {FIRST: [long], SECOND: [short]}
    assert completed(chosen[SECOND], SECOND) == [replace(short, isrc=SECOND.isrc, duration_ms=200_000)]


def test_titles_are_searched_without_guests_and_remasters() -> None:
    assert searched_title("P!nk's Song (feat. Guest) ") == "p!nk's song"
    assert searched_title("Song - 2011 Remaster") == "song"
    assert searched_title("(with you)") == "(with you)"

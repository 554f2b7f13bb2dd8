"""Which recordings a name accepts."""

from __future__ import annotations

import pytest

from mood_core.domain.records import Track
from mood_core.domain.track_names import plain_artist, plain_title, searched_title
from mood_core.resolvers.resolver import WantedName


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
    assert [each.isrc for each in name.completed(found)] == (["GBAAA2600001"] if agrees else [])


def test_titles_are_searched_without_guests_and_remasters() -> None:
    assert searched_title("P!nk's Song (feat. Guest) ") == "p!nk's song"
    assert searched_title("Song - 2011 Remaster") == "song"
    assert searched_title("(with you)") == "(with you)"
